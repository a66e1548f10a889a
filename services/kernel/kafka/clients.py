"""What all our Kafka clients have in common: how long they wait for a silent broker, how often they try a dead one."""

from typing import Any

from services.kernel.settings import KafkaSettings

# A connection whose broker says nothing for this long is given up: a router may have forgotten it. A broker holds an
# answer back for as long as a member's session lasts, when a group is joined.
SILENCE_MS = 10_000
# A process has a dozen clients, and each tries from several places at once: with aiokafka's tenth of a second nine
# processes tried 740 times a second, on the cores on which the broker was starting.
RETRY_MS = 500


def options(settings: KafkaSettings, *, held_back_ms: int = 0) -> dict[str, Any]:
    """Arguments for any of aiokafka's clients; `held_back_ms`: how long the broker may wait before it answers."""
    return {
        "bootstrap_servers": settings.bootstrap_servers,
        "request_timeout_ms": held_back_ms + SILENCE_MS,
        "retry_backoff_ms": RETRY_MS,
    }
