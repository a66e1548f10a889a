"""The dispatch queue from outside: what enters it, what leaves it without being sent (hot path)."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.dispatch import repository
from services.gateway.messages.states import State
from services.gateway.turns import service as turns
from services.gateway.turns.service import Pair
from services.kernel import clock
from services.kernel.contracts.statuses import StatusReported

# A message that consent or billing has not answered for this long is published again; then after twice as long.
REPUBLISH_FIRST_SECONDS = 120
FUNDING = "funding"


async def enqueue(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
    """Queue messages whose accepted half was just stored; unpaid ones are held."""
    waiting = [row for row in rows if row.state <= State.FUNDED]
    if not waiting:
        return
    now = clock.now()
    columns = {
        "ids": [row.id for row in waiting],
        "tenant_ids": [row.tenant_id for row in waiting],
        "phone_number_ids": [row.phone_number_id for row in waiting],
        "persons": [row.person for row in waiting],
        "lanes": [row.lane for row in waiting],
        "positions": [row.position for row in waiting],
        "due": [now] * len(waiting),
        "expires": [row.expires_at for row in waiting],
        "held": [None if row.state == State.FUNDED else FUNDING for row in waiting],
        "republish": [now + timedelta(seconds=REPUBLISH_FIRST_SECONDS)] * len(waiting),
    }
    await repository.enqueue(connection, columns)


async def release(connection: AsyncConnection, message_ids: list[UUID]) -> None:
    """These are paid for: they may be sent."""
    if message_ids:
        await repository.release_held(connection, message_ids)


async def drop(connection: AsyncConnection, message_ids: Sequence[UUID]) -> set[UUID]:
    """The fate of these is known without another call; returns those that left the queue."""
    return await repository.drop(connection, sorted(message_ids)) if message_ids else set()


async def withdraw(connection: AsyncConnection, message: Row[Any]) -> bool:
    """Take a message that its caller has locked out of the queue, unless its call has begun: then False.

    Whoever has leased it finds nothing to start; its person's next message need not wait for that lease.
    """
    was_leased = await repository.withdraw(connection, message.id)
    if was_leased:
        await turns.change_pairs(connection, [Pair(message.phone_number_id, message.person, refund=1)])
    return was_leased is not None


async def note_reports(connection: AsyncConnection, reports: Iterable[StatusReported]) -> None:
    """Reports of these numbers arrive, so silence about an ambiguous send begins to mean something."""
    await turns.note_reports(connection, reports)
