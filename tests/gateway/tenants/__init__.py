"""Tests of the slice tenants."""
