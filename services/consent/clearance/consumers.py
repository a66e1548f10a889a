"""Kafka in: accepted messages are decided about; Meta's 131050 and its answers to ads are learnt from (hot path)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance import service
from services.consent.policy.service import Book
from services.kernel.contracts import Event
from services.kernel.contracts.messages import MESSAGES, MessageAccepted
from services.kernel.contracts.outcomes import OUTCOMES, MessageFailed
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import TICK_SECONDS_OF_RARITIES, Consumer, Received
from services.kernel.tenants import TenantDirectory


def messages_consumer(directory: TenantDirectory) -> Consumer:
    """Decides about each accepted message once (its row in `decisions` is its first sight)."""
    book, class_of = Book(), service.classes(directory)

    async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
        accepted = [received.event for received in batch if isinstance(received.event, MessageAccepted)]
        return await service.decide(connection, accepted, book=book, class_of=class_of)

    return Consumer(group="consent.messages", topic=MESSAGES, events=(MessageAccepted,), handle=handle)


async def handle_outcomes(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    failed = [received.event for received in batch if isinstance(received.event, MessageFailed)]
    return await service.learn_from_failures(connection, failed)


async def handle_statuses(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    reports = [received.event for received in batch if isinstance(received.event, StatusReported)]
    return await service.learn_from_reports(connection, reports)


OUTCOMES_CONSUMER = Consumer(
    group="consent.outcomes",
    topic=OUTCOMES,
    events=(MessageFailed,),
    tick_seconds=TICK_SECONDS_OF_RARITIES,
    handle=handle_outcomes,
)
STATUSES_CONSUMER = Consumer(
    group="consent.statuses",
    topic=STATUSES,
    events=(StatusReported,),
    subjects=frozenset({"failed", "sent"}),
    tick_seconds=TICK_SECONDS_OF_RARITIES,
    handle=handle_statuses,
)
