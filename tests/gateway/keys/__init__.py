"""Tests of the slice keys."""
