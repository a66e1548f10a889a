"""Metrics of the kernel: what every process counts, whatever its service."""

import asyncio

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000)
LAG_PROBE_SECONDS = 1.0

EVENTS_CONSUMED = Counter("events_consumed_total", "Events that a consumer has finished.", ["group", "type", "outcome"])
BATCH_SECONDS = Histogram(
    "consumer_batch_seconds", "Time from a fetched batch to its commit.", ["group"], buckets=SECONDS
)
CONSUMER_BATCH_SIZE = Histogram("consumer_batch_size", "Events in one consumed batch.", ["group"], buckets=SIZES)
DEAD_LETTERS = Counter("dead_letters_total", "Events that were put aside because they cannot be handled.", ["group"])
CONSUMER_LAG = Gauge("consumer_lag", "Records that wait for this member of a consumer group.", ["group", "topic"])

WRITE_BATCH_SIZE = Histogram("write_batch_size", "Items that a batcher wrote together.", ["batcher"], buckets=SIZES)
WRITE_BATCH_SECONDS = Histogram("write_batch_seconds", "Time of one batched write.", ["batcher"], buckets=SECONDS)
OVERLOADED = Counter("batcher_overloaded_total", "Items that a batcher refused because too many waited.", ["batcher"])

HTTP_REQUESTS = Counter("http_requests_total", "Requests answered, by route template.", ["route", "method", "status"])
HTTP_SECONDS = Histogram("http_request_seconds", "Time to answer, by route template.", ["route"], buckets=SECONDS)
CONNECTIONS_REFUSED = Counter(
    "http_connections_refused_total", "Connections closed for what, or how slowly, they sent.", ["status"]
)
INTERNAL_CALL_SECONDS = Histogram(
    "internal_call_seconds", "Time of a call to another service.", ["audience"], buckets=SECONDS
)

EVENT_LOOP_LAG = Gauge("event_loop_lag_seconds", "How late the event loop woke up at the last probe.")
LOG_KEYS_DROPPED = Counter("log_keys_dropped_total", "Keys of log lines that are not on the allow-list.")


def render() -> bytes:
    """All metrics in the text format of Prometheus. Takes up to 50 ms: call it in a thread, never on the event loop."""
    return generate_latest(REGISTRY)


async def probe_event_loop() -> None:
    """Measure for ever how late the event loop wakes up."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_PROBE_SECONDS
        await asyncio.sleep(LAG_PROBE_SECONDS)
        EVENT_LOOP_LAG.set(max(0.0, loop.time() - due))
