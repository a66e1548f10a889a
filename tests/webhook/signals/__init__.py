"""Tests of the slice signals."""
