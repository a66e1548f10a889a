"""Tests of the slice inbound."""
