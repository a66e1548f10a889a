"""Tests of the slice intake."""
