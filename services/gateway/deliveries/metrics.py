"""What is counted of callbacks; a tenant is never a label."""

from prometheus_client import Counter, Gauge, Histogram

from services.kernel.metrics import SECONDS, SIZES

ATTEMPTS = Counter("callback_attempts_total", "Posts to tenants, by what came of them.", ["outcome"])
ATTEMPT_SECONDS = Histogram("callback_attempt_seconds", "Time of one post to a tenant.", buckets=SECONDS)
FACTS_DELIVERED = Counter("callback_facts_delivered_total", "Facts that endpoints have taken.")
PACK_SIZE = Histogram("callback_pack_size", "Facts packed into one delivery.", buckets=SIZES)
IN_FLIGHT = Gauge("callback_in_flight", "Deliveries that are being posted by this process.")
DEAD = Counter("callback_deliveries_dead_total", "Deliveries given up after three days.")
FACTS_DROPPED = Counter("callback_facts_dropped_total", "Facts that were not told, by reason.", ["reason"])
DELIVERIES_DROPPED = Counter("callback_deliveries_pruned_total", "Dead deliveries whose bodies were removed.")
OPENINGS = Counter("callback_openings_total", "Sealed contents opened to tell their tenant.", ["purpose", "outcome"])
