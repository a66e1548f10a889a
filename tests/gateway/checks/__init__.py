"""Tests of the checks slice."""
