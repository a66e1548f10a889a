"""Tests of the slice quarantine."""
