"""Metrics of the second try."""

from prometheus_client import Counter

REPLAYED = Counter("webhook_replayed_total", "Rows of the quarantine that were tried again.", ["outcome"])
