"""The dispatch queue from outside: what enters it, what leaves it without being sent (hot path)."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.dispatch import repository
from services.gateway.messages.states import State
from services.gateway.turns import service as turns
from services.gateway.turns.service import Pair
from services.kernel.contracts.statuses import StatusReported


async def enqueue(connection: AsyncConnection, rows: Sequence[Row[Any]]) -> None:
    """Queue messages of which the second half was just stored: they are whole and paid for."""
    ready = [row for row in rows if row.state == State.FUNDED and row.phone_number_id is not None]
    if not ready:
        return
    columns = {
        "ids": [row.id for row in ready],
        "tenant_ids": [row.tenant_id for row in ready],
        "phone_number_ids": [row.phone_number_id for row in ready],
        "persons": [row.person for row in ready],
        "lanes": [row.lane for row in ready],
        "positions": [row.position for row in ready],
        "expires": [row.expires_at for row in ready],
    }
    await repository.enqueue(connection, columns)


async def drop(connection: AsyncConnection, message_ids: Sequence[UUID]) -> set[UUID]:
    """The fate of these is known without another call; returns those that left the queue."""
    return await repository.drop(connection, sorted(message_ids)) if message_ids else set()


async def withdraw(connection: AsyncConnection, message: Row[Any]) -> bool:
    """Take a message that its caller has locked out of the queue, unless its call has begun: then False.

    Whoever has leased it finds nothing to start; its person's next message need not wait for that lease.
    """
    if message.state < State.FUNDED:  # it waits, and is not in the queue yet
        return True
    was_leased = await repository.withdraw(connection, message.id)
    if was_leased:
        await turns.change(connection, pairs=[Pair(message.phone_number_id, message.person, refund=1)])
    return was_leased is not None


async def note_reports(connection: AsyncConnection, reports: Iterable[StatusReported]) -> None:
    """Reports of these numbers arrive, so silence about an ambiguous send begins to mean something."""
    await turns.note_reports(connection, reports)
