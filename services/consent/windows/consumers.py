"""Kafka in: people's messages open windows and carry STOP and START (hot path)."""

from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import service as aliases
from services.consent.consents import service as consents
from services.consent.windows import service
from services.kernel.contracts import Event
from services.kernel.contracts.inbound import INBOUND, InboundReceived
from services.kernel.kafka.consumer import Consumer, Received

GROUP = "consent.inbound"


async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    """Windows only grow and acts are keyed by their message, so that no first-sight rows are needed."""
    events = [received.event for received in batch if isinstance(received.event, InboundReceived)]
    inbound = await aliases.recognise(connection, events)
    judged = await service.judge(connection, inbound)
    changes = await consents.apply_signals(connection, list(_signals(inbound)))
    return [*changes, *judged]  # a withdrawal is told before the message that said it


def _signals(inbound: Sequence[InboundReceived]) -> Iterator[consents.Signal]:
    for one in inbound:
        if "stop" in one.signals:
            yield consents.stop(one.tenant_id, one.person, one.inbound_id, one.occurred_at)
        if "start" in one.signals:
            yield consents.start(one.tenant_id, one.person, one.inbound_id, one.occurred_at)


CONSUMER = Consumer(group=GROUP, topic=INBOUND, events=(InboundReceived,), handle=handle)
