"""Tests of the slice replay."""
