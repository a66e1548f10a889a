"""Tests of the slice pressure."""
