"""All SQL of the reports slice."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MERGE = text("""
    insert into wamids as known (tenant_id, wamid_index, message_id, is_reached, is_failed)
    select new.tenant_id, new.wamid_index, new.message_id, new.is_reached, new.is_failed
      from unnest(cast(:tenant_ids as uuid[]), cast(:wamid_indexes as text[]), cast(:message_ids as uuid[]),
                  cast(:reached as boolean[]), cast(:failed as boolean[]))
           as new (tenant_id, wamid_index, message_id, is_reached, is_failed)
     order by new.tenant_id, new.wamid_index
    on conflict (tenant_id, wamid_index) do update
       set message_id = coalesce(known.message_id, excluded.message_id),
           is_reached = known.is_reached or excluded.is_reached,
           is_failed = known.is_failed or excluded.is_failed
    returning tenant_id, wamid_index, message_id, is_reached, is_failed
""")


class Wamid(NamedTuple):
    """One of Meta's ids: which message of ours it is (once we know), and what was said under it."""

    tenant_id: UUID
    wamid_index: str
    message_id: UUID | None
    is_reached: bool
    is_failed: bool


async def merge(connection: AsyncConnection, halves: Sequence[Wamid]) -> list[Wamid]:
    """Add what is known to each id and return all that is known; whoever comes second sees both halves."""
    columns = [list(column) for column in zip(*halves, strict=True)]
    names = ("tenant_ids", "wamid_indexes", "message_ids", "reached", "failed")
    rows = await connection.execute(_MERGE, dict(zip(names, columns, strict=True)))
    return [Wamid(*row) for row in rows]
