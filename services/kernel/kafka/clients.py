"""What all our Kafka clients have in common: how long they wait for a silent broker, how often they try a dead one."""

from typing import Any

import aiokafka.conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

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


class _Connection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka is untyped
    """Says that it is broken, as it does on asyncio's loop, where uvloop refuses to write (aio-libs/aiokafka#1038).

    uvloop's RuntimeError is none that aiokafka expects. A link that is reset breaks all connections at once, and the
    first makes the client ask for metadata through the next: the task that asks ended unseen, and with it whoever
    waits for metadata, a commit among them, for ever.
    """

    def send(self, request: Any, expect_response: bool = True) -> Any:
        try:
            return super().send(request, expect_response)
        except RuntimeError as error:
            self.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
            raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {error}") from error


aiokafka.conn.AIOKafkaConnection = _Connection  # what every client of aiokafka's opens its connections with
