"""Metrics of the quarantine."""

from prometheus_client import Counter

QUARANTINED = Counter("webhook_quarantined_total", "Parts of webhooks that were put under seal.", ["reason"])
