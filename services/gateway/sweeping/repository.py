"""All SQL that finds queue rows which wait for nobody; what is found is locked by whoever moves it on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_OVERDUE = text("""
    select message_id, tenant_id, phone_number_id, person, attempt from dispatch_queue
     where call_before < :before order by message_id limit :count
""")

_UNKNOWN_OVER = text("""
    select q.message_id, q.tenant_id from dispatch_queue q
      left join number_reports b on b.phone_number_id = q.phone_number_id
     where q.unknown_since < :grace_before
       and (q.unknown_since < :max_before
            or b.last_status_at >= q.unknown_since + make_interval(secs => :grace_seconds))
     order by q.message_id limit :count
""")

_EXPIRED = text("""
    select message_id, tenant_id, phone_number_id, person from dispatch_queue
     where expires_at < now() and call_before is null and unknown_since is null
       and (lease_until is null or lease_until < now())
     order by message_id limit :count
""")

_FORGOTTEN = text("""
    with l as (select message_id from dispatch_queue
                where held_by is not null and republish_at < now() and expires_at > now()
                order by message_id limit :count for update skip locked)
    update dispatch_queue q set republished = q.republished + 1,
           republish_at = now() + make_interval(secs => :first_seconds * power(2, least(q.republished + 1, 10)))
      from l where q.message_id = l.message_id
    returning q.message_id, q.tenant_id
""")


async def overdue(connection: AsyncConnection, *, before: datetime, count: int) -> Sequence[Row[Any]]:
    """Attempts whose call must have ended by now."""
    return (await connection.execute(_OVERDUE, {"before": before, "count": count})).all()


async def unknown_over(connection: AsyncConnection, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
    """Ambiguous sends that were given time enough to be named by a status."""
    return (await connection.execute(_UNKNOWN_OVER, parameters)).all()


async def expired(connection: AsyncConnection, count: int) -> Sequence[Row[Any]]:
    return (await connection.execute(_EXPIRED, {"count": count})).all()


async def forgotten(connection: AsyncConnection, *, first_seconds: float, count: int) -> Sequence[Row[Any]]:
    """Messages that still wait for consent or billing; their next turn is set twice as far away."""
    return (await connection.execute(_FORGOTTEN, {"first_seconds": first_seconds, "count": count})).all()
