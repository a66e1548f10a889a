"""Kafka in: accepted messages are decided about; Meta's 131050 and its answers to ads are learnt from (hot path)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.clearance import service
from services.consent.policy.service import Book
from services.kernel.contracts import Event
from services.kernel.contracts.messages import MESSAGES, MessageAccepted, MessageFailed
from services.kernel.contracts.statuses import STATUSES, StatusReported
from services.kernel.kafka.consumer import TICK_SECONDS_OF_REPORTS, Consumer, Received
from services.kernel.tenants import TenantDirectory


def messages_consumer(directory: TenantDirectory) -> Consumer:
    """Decides about each accepted message once (its row in `decisions` is its first sight); learns from failed ones."""
    book, class_of = Book(), service.classes(directory)

    async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
        accepted = [received.event for received in batch if isinstance(received.event, MessageAccepted)]
        failed = [received.event for received in batch if isinstance(received.event, MessageFailed)]
        facts = await service.decide(connection, accepted, book=book, class_of=class_of) if accepted else []
        return [*facts, *await service.learn_from_failures(connection, failed)]

    return Consumer(group="consent.messages", topic=MESSAGES, events=(MessageAccepted, MessageFailed), handle=handle)


async def handle_statuses(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    reports = [received.event for received in batch if isinstance(received.event, StatusReported)]
    return await service.learn_from_reports(connection, reports)


STATUSES_CONSUMER = Consumer(
    group="consent.statuses",
    topic=STATUSES,
    events=(StatusReported,),
    subjects=frozenset({"failed", "sent"}),
    tick_seconds=TICK_SECONDS_OF_REPORTS,
    handle=handle_statuses,
)
