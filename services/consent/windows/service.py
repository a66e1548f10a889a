"""Opening the 24 hours after a person's message, counted from Meta's time of it (hot path)."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.windows import repository
from services.consent.windows.repository import Key
from services.kernel.contracts import event_id
from services.kernel.contracts.conversations import InboundJudged
from services.kernel.contracts.inbound import InboundReceived

LENGTH = timedelta(hours=24)  # whatsapp-cloud-api: the customer service window


async def judge(connection: AsyncConnection, inbound: Sequence[InboundReceived]) -> list[InboundJudged]:
    """Open or extend the windows of a batch; says of every message until when its sender may be answered."""
    keys = [Key(one.tenant_id, one.phone_number_id, one.person) for one in inbound]
    times = [(key, one.occurred_at) for key, one in zip(keys, inbound, strict=True)]
    await repository.extend(connection, times, length=LENGTH)
    expiries = await repository.expiries(connection, set(keys))
    return [
        InboundJudged(
            id=event_id(one.inbound_id, "judged"),
            occurred_at=one.occurred_at,
            tenant_id=one.tenant_id,
            inbound_id=one.inbound_id,
            phone_number_id=one.phone_number_id,
            person=one.person,
            window_expires_at=expiries[key],
        )
        for key, one in zip(keys, inbound, strict=True)
    ]
