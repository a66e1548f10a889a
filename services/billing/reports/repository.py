"""All SQL of the reports slice (hot path)."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.arrays import texts, uuids

WAMID_DIGITS = 32  # of the 64 of the keyed index: 128 bits meet nobody else's, and fit into a uuid

_MERGE = text("""
    with merged as (
        insert into wamids as known (tenant_id, wamid, message_id, is_reached, is_failed)
        select new.tenant_id, new.wamid, new.message_id, new.is_reached, new.is_failed
          from unnest(cast(cast(:tenants as text) as uuid[]), cast(cast(:wamids as text) as uuid[]),
                      cast(cast(:messages as text) as uuid[]), cast(cast(:reached as text) as boolean[]),
                      cast(cast(:failed as text) as boolean[]))
               as new (tenant_id, wamid, message_id, is_reached, is_failed)
         order by new.wamid, new.tenant_id
        on conflict (wamid, tenant_id) do update
           set message_id = coalesce(known.message_id, excluded.message_id),
               is_reached = known.is_reached or excluded.is_reached,
               is_failed = known.is_failed or excluded.is_failed
        returning tenant_id, wamid, message_id, is_reached, is_failed
    )
    select * from merged where message_id is not null and (is_reached or is_failed)
""")


class Wamid(NamedTuple):
    """One of Meta's ids: which message of ours it is (once we know), and what was said under it."""

    tenant_id: UUID
    wamid: UUID
    message_id: UUID | None
    is_reached: bool
    is_failed: bool


async def merge(connection: AsyncConnection, halves: Sequence[Wamid]) -> list[Wamid]:
    """Add what is known to each id; those of which both halves are known, whoever came second."""
    rows = await connection.execute(
        _MERGE,
        {
            "tenants": uuids([half.tenant_id for half in halves]),
            "wamids": uuids([half.wamid for half in halves]),
            "messages": texts([None if half.message_id is None else half.message_id.hex for half in halves]),
            "reached": texts([str(half.is_reached) for half in halves]),
            "failed": texts([str(half.is_failed) for half in halves]),
        },
    )
    return [Wamid(*row) for row in rows]
