"""All SQL of endpoints' failures; rows are locked in id order, before those of deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("select id from callback_endpoints where id = any (cast(:ids as uuid[])) order by id for update")

_CHANGED_SINCE = text("""
    select endpoint.id from unnest(cast(:ids as uuid[]), cast(:times as timestamptz[])) as known (id, time)
      join callback_endpoints endpoint on endpoint.id = known.id
     where endpoint.changed_at > known.time
""")

_SUCCEEDED = text("""
    with well as (
        select id, failing_since from callback_endpoints
         where id = any (cast(:ids as uuid[])) and failing_since is not null order by id for update
    )
    update callback_endpoints endpoint set failing_since = null, last_failure_at = null
      from well where endpoint.id = well.id
    returning endpoint.id, well.failing_since < now() - make_interval(secs => :outage_seconds) as was_outage
""")

# Only where the address that failed is still the endpoint's. A streak whose last failure is too long ago begins anew.
_FAILED = text("""
    with failed as (
        select endpoint.id, outcome.gone, outcome.rest_seconds,
               case when endpoint.last_failure_at >= now() - make_interval(secs => :gap_seconds)
                    then endpoint.failing_since end as since,
               endpoint.last_failure_at
          from callback_endpoints endpoint
          join unnest(cast(:ids as uuid[]), cast(:urls as text[]), cast(:gone as bool[]),
                      cast(:rest_seconds as float8[])) as outcome (id, url, gone, rest_seconds)
            on outcome.id = endpoint.id and outcome.url = endpoint.url
         where endpoint.disabled_at is null order by endpoint.id for update of endpoint
    ),
    judged as (
        select id, since, rest_seconds,
               case when gone then 'gone'
                    when since <= now() - make_interval(secs => :disable_seconds)
                         and last_failure_at >= since + make_interval(secs => :apart_seconds) then 'failing'
               end as reason
          from failed
    )
    update callback_endpoints endpoint
       set failing_since = coalesce(judged.since, now()),
           last_failure_at = now(),
           rest_until = case when judged.rest_seconds > 0
                             then greatest(endpoint.rest_until, now() + make_interval(secs => judged.rest_seconds))
                             else endpoint.rest_until end,
           disabled_reason = judged.reason,
           disabled_at = case when judged.reason is not null then now() end
      from judged where endpoint.id = judged.id
    returning endpoint.id, endpoint.tenant_id, endpoint.disabled_reason, endpoint.disabled_at
""")


class Disabled(NamedTuple):
    id: UUID
    tenant_id: UUID
    reason: str
    at: datetime


async def lock(connection: AsyncConnection, ids: Sequence[UUID]) -> None:
    await connection.execute(_LOCK, {"ids": list(ids)})


async def changed_since(connection: AsyncConnection, known: Mapping[UUID, datetime]) -> list[UUID]:
    parameters = {"ids": list(known), "times": list(known.values())}
    return list(await connection.scalars(_CHANGED_SINCE, parameters))


async def succeeded(connection: AsyncConnection, ids: Sequence[UUID], *, outage_seconds: float) -> list[UUID]:
    """End the streaks of failures of these endpoints; returns those whose streak was longer than an outage's least."""
    rows = await connection.execute(_SUCCEEDED, {"ids": list(ids), "outage_seconds": outage_seconds})
    return [row.id for row in rows if row.was_outage]


async def failed(
    connection: AsyncConnection,
    *,
    ids: Sequence[UUID],
    urls: Sequence[str],
    gone: Sequence[bool],
    rest_seconds: Sequence[float],
    disable_seconds: float,
    apart_seconds: float,
    gap_seconds: float,
) -> list[Disabled]:
    """Note a failure of each endpoint, once each; returns those that are disabled by it."""
    parameters = {
        "ids": list(ids),
        "urls": list(urls),
        "gone": list(gone),
        "rest_seconds": list(rest_seconds),
        "disable_seconds": disable_seconds,
        "apart_seconds": apart_seconds,
        "gap_seconds": gap_seconds,
    }
    rows = await connection.execute(_FAILED, parameters)
    return [Disabled(*row) for row in rows if row.disabled_reason is not None]
