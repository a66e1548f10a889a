"""What people wrote, and the windows it opened, read from Kafka (hot path)."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import wake
from services.gateway.inbound import service
from services.kernel.contracts import Event
from services.kernel.contracts.conversations import CONVERSATIONS, InboundJudged
from services.kernel.contracts.inbound import INBOUND, InboundReceived
from services.kernel.kafka.consumer import Consumer, Received


async def received(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    await service.received(connection, [r.event for r in batch if isinstance(r.event, InboundReceived)])
    return []


async def judged(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    await service.judged(connection, [r.event for r in batch if isinstance(r.event, InboundJudged)])
    return []


CONSUMERS = (
    Consumer(group="gateway.inbound", topic=INBOUND, events=(InboundReceived,), handle=received, after=wake),
    Consumer(group="gateway.conversations", topic=CONVERSATIONS, events=(InboundJudged,), handle=judged, after=wake),
)
