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
#: Meta tells us of these like of messages, and in none of them does a person say something new; documented is only
#: that a message opens the window. One that we believe closed costs a template, one that we believe open a refusal.
OPEN_NO_WINDOW = frozenset({"system", "request_welcome", "reaction", "edit", "revoke"})


async def judge(connection: AsyncConnection, inbound: Sequence[InboundReceived]) -> list[InboundJudged]:
    """Open or extend the windows of a batch; says of every message until when its sender may be answered.

    Where no window was ever open, that is the moment of the message itself.
    """
    keys = [Key(one.tenant_id, one.phone_number_id, one.person) for one in inbound]
    opening = [(k, one.occurred_at) for k, one in zip(keys, inbound, strict=True) if one.kind not in OPEN_NO_WINDOW]
    await repository.extend(connection, opening, length=LENGTH)
    expiries = await repository.expiries(connection, set(keys))
    return [
        InboundJudged(
            id=event_id(one.inbound_id, "judged"),
            occurred_at=one.occurred_at,
            tenant_id=one.tenant_id,
            inbound_id=one.inbound_id,
            phone_number_id=one.phone_number_id,
            person=one.person,
            window_expires_at=expiries.get(key, one.occurred_at),
        )
        for key, one in zip(keys, inbound, strict=True)
    ]
