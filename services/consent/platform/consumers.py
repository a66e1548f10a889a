"""Kafka in: what people chose in WhatsApp itself, and that they have other numbers now."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.platform import service
from services.kernel.contracts import Event
from services.kernel.contracts.platform import PLATFORM, PersonRenamed, PreferenceChanged
from services.kernel.kafka.consumer import TICK_SECONDS_OF_REPORTS, Consumer, Received


async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    """Acts are keyed by their fact and moves by theirs, so that no first-sight rows are needed."""
    events = [received.event for received in batch]
    await service.rename(connection, [event for event in events if isinstance(event, PersonRenamed)])
    return await service.prefer(connection, [event for event in events if isinstance(event, PreferenceChanged)])


CONSUMER = Consumer(
    group="consent.platform",
    topic=PLATFORM,
    events=(PersonRenamed, PreferenceChanged),
    tick_seconds=TICK_SECONDS_OF_REPORTS,
    handle=handle,
)
