"""All SQL that finds queue rows which wait for nobody; what is found is locked by whoever moves it on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_OVERDUE = text("""
    with over as (select id from call_batches where call_before < :before order by call_before limit :count
                     for update skip locked),
         gone as (delete from call_batches b using over where b.id = over.id returning b.message_ids)
    select q.message_id, q.tenant_id, q.phone_number_id, q.person, q.attempt, q.call_before
      from gone cross join lateral unnest(gone.message_ids) as begun (message_id)
     cross join lateral (select * from dispatch_queue one where one.message_id = begun.message_id offset 0) q
     where q.call_before < :before
     order by q.message_id
""")

_UNKNOWN_OVER = text("""
    select q.message_id, q.tenant_id from dispatch_queue q
      left join number_reports b on b.phone_number_id = q.phone_number_id
     where q.unknown_since < :grace_before
       and (q.unknown_since < :max_before
            or b.last_status_at >= q.unknown_since + make_interval(secs => :grace_seconds))
     order by q.unknown_since limit :count
""")

_EXPIRED = text("""
    select message_id, tenant_id, phone_number_id, person from dispatch_queue
     where expires_at < now() and num_nulls(call_before, unknown_since) = 2
       and (lease_until is null or lease_until < now())
     order by message_id limit :count
""")


async def overdue(connection: AsyncConnection, *, before: datetime, count: int) -> Sequence[Row[Any]]:
    """Attempts whose call must have ended by now, of `count` claims that began together."""
    return (await connection.execute(_OVERDUE, {"before": before, "count": count})).all()


async def unknown_over(connection: AsyncConnection, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
    """Ambiguous sends that were given time enough to be named by a status."""
    return (await connection.execute(_UNKNOWN_OVER, parameters)).all()


async def expired(connection: AsyncConnection, count: int) -> Sequence[Row[Any]]:
    return (await connection.execute(_EXPIRED, {"count": count})).all()
