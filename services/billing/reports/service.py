"""Decisions about reports that name only Meta's id: they wait until we know whose id that is."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.reports import repository

Wamid = repository.Wamid
Key = tuple[UUID, str]  # tenant, index of Meta's id


async def match(connection: AsyncConnection, halves: Iterable[Wamid]) -> dict[Key, Wamid]:
    """Bring sends (which know the message) and reports (which know the outcome) together, in any order."""
    merged: dict[Key, Wamid] = {}
    for half in halves:
        key = (half.tenant_id, half.wamid_index)
        merged[key] = _join(merged[key], half) if key in merged else half
    if not merged:
        return {}
    known = await repository.merge(connection, list(merged.values()))
    return {(wamid.tenant_id, wamid.wamid_index): wamid for wamid in known}


def _join(one: Wamid, other: Wamid) -> Wamid:
    return one._replace(
        message_id=one.message_id or other.message_id,
        is_reached=one.is_reached or other.is_reached,
        is_failed=one.is_failed or other.is_failed,
    )
