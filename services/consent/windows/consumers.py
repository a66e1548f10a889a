"""Kafka in: people's messages open windows and carry STOP and START (hot path)."""

from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases import service as aliases
from services.consent.aliases.service import Recognised
from services.consent.consents import service as consents
from services.consent.windows import service
from services.kernel.contracts import Event
from services.kernel.contracts.inbound import INBOUND, InboundReceived
from services.kernel.kafka.consumer import Consumer, Received

GROUP = "consent.inbound"


async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> Sequence[Event]:
    """Windows only grow and acts are keyed by their message, so that no first-sight rows are needed."""
    events = [received.event for received in batch if isinstance(received.event, InboundReceived)]
    recognition = await aliases.recognise(connection, events)
    if recognition.learnt:
        await consents.merge(connection, recognition.learnt)
        await service.merge(connection, recognition.learnt)
    signals = list(_signals(recognition.messages))
    changes = await consents.apply_signals(connection, signals)
    judged = await service.judge(connection, recognition.messages, await consents.words(connection, signals))
    return [*changes, *judged]  # a withdrawal is told before the message that said it


def _signals(inbound: Sequence[Recognised]) -> Iterator[consents.Signal]:
    for one in inbound:
        message = one.message
        if "stop" in message.signals:
            yield consents.stop(message.tenant_id, message.person, message.inbound_id, message.occurred_at)
        if "start" in message.signals:
            yield consents.start(message.tenant_id, message.person, message.inbound_id, message.occurred_at)


CONSUMER = Consumer(group=GROUP, topic=INBOUND, events=(InboundReceived,), handle=handle)
