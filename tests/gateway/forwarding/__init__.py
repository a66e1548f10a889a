"""Tests of the slice forwarding."""
