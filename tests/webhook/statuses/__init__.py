"""Tests of the slice statuses."""
