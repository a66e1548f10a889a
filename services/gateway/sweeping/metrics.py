"""What the sweeper counts."""

from prometheus_client import Counter

SWEPT = Counter("gateway_dispatch_swept_total", "Messages that the sweeper moved on.", ["what"])
