"""Tests of the slice templates."""
