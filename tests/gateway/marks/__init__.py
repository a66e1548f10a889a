"""Tests of the slice marks."""
