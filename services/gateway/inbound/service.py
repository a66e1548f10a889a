"""Inbound messages: a tenant hears of one when its content is stored and its window exists, whichever comes last."""

from collections.abc import Iterable, Sequence
from typing import TypeVar
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.aliases import service as aliases
from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.service import CallbackFact
from services.gateway.confirmations.service import Wanted
from services.gateway.inbound import repository
from services.gateway.inbound.repository import Half, SealedWamid, Stored
from services.gateway.keys.service import Keyring
from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.conversations import InboundJudged
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.crypto.places import inbound_wamid

__all__ = ["SealedWamid", "Stored", "contents", "judged", "known", "received", "wamid_of", "wamids"]

Half_ = TypeVar("Half_", InboundReceived, InboundJudged)


async def received(connection: AsyncConnection, events: Sequence[InboundReceived]) -> list[Wanted]:
    """Store what people wrote, and by which names; whom to confirm a word to. Repetitions change nothing."""
    await aliases.remember(connection, events)
    return await _tell(connection, await repository.store_received(connection, _once(events)), events)


async def judged(connection: AsyncConnection, events: Sequence[InboundJudged]) -> list[Wanted]:
    """Store the windows that inbound messages opened; whom to confirm a word to. Repetitions change nothing."""
    return await _tell(connection, await repository.store_judged(connection, _once(events)), events)


async def contents(
    connection: AsyncConnection, *, tenant_ids: Sequence[UUID], ids: Sequence[UUID]
) -> dict[UUID, Stored]:
    """The sealed contents of inbound messages, by id."""
    return await repository.contents(connection, tenant_ids=tenant_ids, ids=ids)


async def wamids(
    connection: AsyncConnection, *, tenant_ids: Sequence[UUID], ids: Sequence[UUID]
) -> dict[UUID, SealedWamid]:
    """Meta's ids of inbound messages, sealed (`wamid_of` opens one), by our id; what is not stored is missing."""
    return await repository.wamids(connection, tenant_ids=tenant_ids, ids=ids)


async def wamid_of(keyring: Keyring, tenant_id: UUID, inbound_id: UUID, sealed: bytes) -> str:
    """Meta's id of an inbound message; raises CannotOpen, NoSuchKey, Unavailable."""
    key = await keyring.service_opening_key(tenant_id, "webhook", crypto.sealed_key_id(sealed))
    place = inbound_wamid(tenant_id, str(inbound_id))
    return crypto.open_sealed(key, place, sealed).decode()


async def known(connection: AsyncConnection, *, tenant_ids: Sequence[UUID], ids: Sequence[UUID]) -> set[UUID]:
    """Which of these inbound messages are stored."""
    return await repository.known(connection, tenant_ids=tenant_ids, ids=ids)


def _once(events: Sequence[Half_]) -> list[Half_]:
    return list({event.inbound_id: event for event in events}.values())


async def _tell(connection: AsyncConnection, rows: Iterable[Half], events: Sequence[Half_]) -> list[Wanted]:
    """Rows come by id; a person's messages are told in the order in which they were written."""
    position = {event.inbound_id: number for number, event in enumerate(events)}
    in_order = sorted(rows, key=lambda row: position[row.id])
    await callbacks.enqueue(connection, [fact for row in in_order if (fact := _fact(row)) is not None])
    return await _wanted(connection, [row for row in in_order if row.confirm and row.occurred_at])


async def _wanted(connection: AsyncConnection, rows: Sequence[Half]) -> list[Wanted]:
    if not rows:
        return []
    keys = {"tenant_ids": [row.tenant_id for row in rows], "ids": [row.id for row in rows]}
    stored = await repository.contents(connection, **keys)
    return [
        Wanted(
            row.tenant_id, row.id, row.phone_number_id, row.person, row.occurred_at, row.confirm, stored[row.id].content
        )
        for row in rows
        if row.confirm is not None and row.occurred_at is not None
    ]


def _fact(row: Half) -> CallbackFact | None:
    if row.occurred_at is None or row.window_expires_at is None:
        return None  # the other half will come, and will tell
    return CallbackFact(
        event_id=event_id(row.id, "received"),
        tenant_id=row.tenant_id,
        person=row.person,
        phone_number_id=row.phone_number_id,
        kind="message",
        topic="messages",
        subject_id=row.id,
        occurred_at=row.occurred_at,
        content=msgspec.json.encode({"window_expires_at": row.window_expires_at}),
    )
