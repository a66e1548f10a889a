"""Which facts a consumer group has handled: rows that live or die with the handler's own writes."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.contracts import Event

_FIRST_SIGHT = text("""
    insert into seen (group_name, event_id, occurred_at)
    select :group_name, new.event_id, new.occurred_at
      from unnest(cast(:event_ids as uuid[]), cast(:times as timestamptz[])) as new (event_id, occurred_at)
     order by new.event_id
    on conflict do nothing
    returning event_id
""")


async def first_sight(connection: AsyncConnection, group: str, events: Sequence[Event]) -> set[UUID]:
    """The ids of `events` that `group` has never seen before; they count as seen once this transaction commits."""
    if not events:
        return set()
    rows = await connection.execute(
        _FIRST_SIGHT,
        {"group_name": group, "event_ids": [e.id for e in events], "times": [e.occurred_at for e in events]},
    )
    return {row.event_id for row in rows}
