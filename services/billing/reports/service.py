"""Decisions about reports that name only Meta's id: they wait until we know whose id that is."""

from collections.abc import Iterable
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.reports import repository

Key = tuple[int, int]  # tenant, beginning of the index of Meta's id; UUIDs compare and hash in Python, integers do not


class Half(NamedTuple):
    """What one event tells of Meta's id: a send which message it is, a report without our id what was reported."""

    tenant_id: UUID
    wamid_index: str
    message_id: UUID | None
    status: str | None


class Wamid(NamedTuple):
    """Meta's id of which both halves are known; reached wins over failed."""

    message_id: UUID
    outcome: Literal["reached", "failed"]


def key_of(tenant_id: UUID, wamid_index: str) -> Key:
    return tenant_id.int, int(wamid_index[: repository.WAMID_DIGITS], 16)


async def match(connection: AsyncConnection, halves: Iterable[Half]) -> dict[Key, Wamid]:
    """Bring sends and reports together, in any order; only those ids of which both halves are known."""
    merged: dict[Key, repository.Wamid] = {}
    for half in halves:
        key = key_of(half.tenant_id, half.wamid_index)
        new = _row(half, key)
        merged[key] = _join(merged[key], new) if key in merged else new
    return {
        (row.tenant_id.int, row.wamid.int): Wamid(row.message_id, "reached" if row.is_reached else "failed")
        for row in await repository.merge(connection, list(merged.values()))
        if row.message_id is not None
    }


def _row(half: Half, key: Key) -> repository.Wamid:
    is_failed = half.status == "failed"
    is_reached = half.status is not None and not is_failed
    return repository.Wamid(half.tenant_id, UUID(int=key[1]), half.message_id, is_reached, is_failed)


def _join(one: repository.Wamid, other: repository.Wamid) -> repository.Wamid:
    return one._replace(
        message_id=one.message_id or other.message_id,
        is_reached=one.is_reached or other.is_reached,
        is_failed=one.is_failed or other.is_failed,
    )
