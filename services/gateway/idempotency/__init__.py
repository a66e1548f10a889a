"""Idempotency keys of requests, each good for one message."""
