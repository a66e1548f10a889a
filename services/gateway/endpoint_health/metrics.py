"""What is counted of endpoints that are switched off."""

from prometheus_client import Counter

DISABLED = Counter("callback_endpoints_disabled_total", "Endpoints that are called no more, by reason.", ["reason"])
