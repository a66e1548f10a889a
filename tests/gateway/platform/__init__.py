"""Tests of the slice platform."""
