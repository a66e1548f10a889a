"""What calls to Meta from the cold routes count."""

from prometheus_client import Counter

CALLS = Counter(
    "gateway_upstream_calls_total", "Calls to Meta, but not sends: answered, refused, away, too_large.", ["outcome"]
)
