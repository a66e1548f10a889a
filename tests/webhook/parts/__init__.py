"""Tests of the slice parts."""
