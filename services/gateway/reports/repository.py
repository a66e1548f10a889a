"""All SQL of reports: those whose message is not known yet (hot path)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEEP = text("""
    insert into unmatched_statuses (tenant_id, wamid_index, event_id, report)
    select * from unnest(cast(:tenant_ids as uuid[]), cast(:wamid_indexes as text[]), cast(:event_ids as uuid[]),
                         cast(:reports as jsonb[]))
    on conflict do nothing
""")

# Mostly the message becomes known in the same second. What was sent past us is never known, and there may be much of
# it: each look comes at twice the age of the one before, and the last one at the end of the time.
_TAKE_MATCHED = text("""
    with due as materialized (
        select tenant_id, wamid_index, event_id, stored_at, stored_at + make_interval(days => :days) as over_at
          from unmatched_statuses where look_at <= now()
         order by look_at limit :count for update skip locked
    ), seen as materialized (
        select due.*, w.id as message_id
          from due
          left join lateral (
               select one.id from message_wamids one
                where hashtextextended(one.wamid_index, 0) = hashtextextended(due.wamid_index, 0)
                  and one.tenant_id = due.tenant_id and one.wamid_index = due.wamid_index
                  and one.id between cast(:first_id as uuid) and cast(:last_id as uuid) limit 1) w on true
    ), later as (
        update unmatched_statuses u
           set look_at = least(now() + (now() - seen.stored_at) + interval '1 second', seen.over_at)
          from seen
         where u.tenant_id = seen.tenant_id and u.wamid_index = seen.wamid_index and u.event_id = seen.event_id
           and seen.message_id is null and seen.over_at > now()
    ), gone as (
        delete from unmatched_statuses u using seen
         where u.tenant_id = seen.tenant_id and u.wamid_index = seen.wamid_index and u.event_id = seen.event_id
           and (seen.message_id is not null or seen.over_at <= now())
        returning u.report::text, seen.message_id
    )
    select gone.report, gone.message_id, (select count(*) from due) as looked_at
      from (select 1) as always left join gone on gone.message_id is not null
""")


async def keep(connection: AsyncConnection, columns: Mapping[str, Any]) -> None:
    await connection.execute(_KEEP, columns)


async def take_matched(
    connection: AsyncConnection, *, count: int, days: int, first_id: UUID, last_id: UUID
) -> Sequence[Row[Any]]:
    """Look for the messages of reports whose turn it is among these ids, and drop reports of `days` ago.

    Returns those whose message has become known. At least one row, which says how many were looked at; its message is
    null where none is known.
    """
    parameters = {"count": count, "days": days, "first_id": first_id, "last_id": last_id}
    return (await connection.execute(_TAKE_MATCHED, parameters)).all()
