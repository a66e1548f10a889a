"""Inbound messages: a tenant hears of one when its content is stored and its window exists, whichever comes last."""

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.service import CallbackFact
from services.gateway.inbound import repository
from services.gateway.inbound.repository import Half, Stored
from services.kernel.contracts import event_id
from services.kernel.contracts.conversations import InboundJudged
from services.kernel.contracts.inbound import InboundReceived

__all__ = ["Stored", "contents", "judged", "received"]

Half_ = TypeVar("Half_", InboundReceived, InboundJudged)


async def received(connection: AsyncConnection, events: Sequence[InboundReceived]) -> None:
    """Store what people wrote. Repetitions change nothing."""
    await _tell(connection, await repository.store_received(connection, _once(events)))


async def judged(connection: AsyncConnection, events: Sequence[InboundJudged]) -> None:
    """Store the windows that inbound messages opened. Repetitions change nothing."""
    await _tell(connection, await repository.store_judged(connection, _once(events)))


async def contents(
    connection: AsyncConnection, *, tenant_ids: Sequence[UUID], ids: Sequence[UUID]
) -> dict[UUID, Stored]:
    """The sealed contents of inbound messages, by id."""
    return await repository.contents(connection, tenant_ids=tenant_ids, ids=ids)


def _once(events: Sequence[Half_]) -> list[Half_]:
    return list({event.inbound_id: event for event in events}.values())


async def _tell(connection: AsyncConnection, rows: Iterable[Half]) -> None:
    await callbacks.enqueue(connection, [fact for row in rows if (fact := _fact(row)) is not None])


def _fact(row: Half) -> CallbackFact | None:
    if row.occurred_at is None or row.window_expires_at is None:
        return None  # the other half will come, and will tell
    return CallbackFact(
        event_id=event_id(row.id, "received"),
        tenant_id=row.tenant_id,
        person=row.person,
        phone_number_id=row.phone_number_id,
        kind="message",
        subject_id=row.id,
        occurred_at=row.occurred_at,
        content=msgspec.json.encode({"window_expires_at": row.window_expires_at}),
    )
