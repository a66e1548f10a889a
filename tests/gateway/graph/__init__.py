"""Tests of the slice graph."""
