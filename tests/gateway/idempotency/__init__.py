"""Tests of the slice idempotency."""
