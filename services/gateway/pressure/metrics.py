"""What is measured of replies on their way through the saga."""

from prometheus_client import Gauge, Histogram

from services.kernel.metrics import SECONDS

REPLY_FUNDED_SECONDS = Histogram(
    "gateway_reply_funded_seconds",
    "Time of an express message from its acceptance until it is paid for; the oldest of each batch.",
    buckets=SECONDS,
)
STRAIN = Gauge("gateway_mailing_strain", "How many times as long mailings rest, because replies are late.")
