"""Tests of the slice signatures."""
