"""Tests of the slice references."""
