"""All SQL of reports: those whose message is not known yet (hot path)."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEEP = text("""
    insert into unmatched_statuses (tenant_id, wamid_index, event_id, report)
    select * from unnest(cast(:tenant_ids as uuid[]), cast(:wamid_indexes as text[]), cast(:event_ids as uuid[]),
                         cast(:reports as jsonb[]))
    on conflict do nothing
""")

_TAKE_MATCHED = text("""
    with found as (
        select u.tenant_id, u.wamid_index, u.event_id, w.id as message_id
          from unmatched_statuses u
         cross join lateral (
               select one.id from message_wamids one
                where one.tenant_id = u.tenant_id and one.wamid_index = u.wamid_index limit 1) w
         limit :count
           for update of u skip locked
    )
    delete from unmatched_statuses u using found
     where u.tenant_id = found.tenant_id and u.wamid_index = found.wamid_index and u.event_id = found.event_id
    returning u.report::text, found.message_id
""")

_FORGET = text("delete from unmatched_statuses where stored_at < now() - make_interval(days => :days)")


async def keep(connection: AsyncConnection, columns: Mapping[str, Any]) -> None:
    await connection.execute(_KEEP, columns)


async def take_matched(connection: AsyncConnection, count: int) -> Sequence[Row[Any]]:
    """Kept reports whose message has become known, taken out."""
    return (await connection.execute(_TAKE_MATCHED, {"count": count})).all()


async def forget(connection: AsyncConnection, days: int) -> None:
    await connection.execute(_FORGET, {"days": days})
