"""All SQL of what was told: a row for each delivery that is made (hot path), and back into the queue for a replay."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Arrays of arrays cannot be unnested, so each delivery's own arrays travel as text.
_REMEMBER = text("""
    insert into callback_told (endpoint_id, tenant_id, delivery_id, is_again, made_at, sequences, places, subject_ids)
    select new.endpoint_id, new.tenant_id, new.delivery_id, new.is_again, new.made_at,
           cast(new.sequences as bigint[]), cast(new.places as smallint[]), cast(new.subject_ids as uuid[])
      from unnest(cast(:endpoint_ids as uuid[]), cast(:tenant_ids as uuid[]), cast(:delivery_ids as uuid[]),
                  cast(:agains as boolean[]), cast(:made_ats as timestamptz[]), cast(:sequences as text[]),
                  cast(:places as text[]), cast(:subject_ids as text[]))
           as new (endpoint_id, tenant_id, delivery_id, is_again, made_at, sequences, places, subject_ids)
""")

# Whoever packs for the endpoint waits meanwhile: it writes what is left of a bundle as it has read it.
_LOCK = text("select pg_advisory_xact_lock(:lock_class, hashtext(cast(cast(:endpoint_id as uuid) as text)))")

# Deliveries of one transaction have one `told_at`: with ties, a range is never cut inside of it. A range counts the
# first telling of a fact only, or its pages would never end: what one request queues is soon told again, in the range
# of the next.
_CHOSEN_OF_MESSAGE = """
    select * from callback_told
     where endpoint_id = :endpoint_id and subject_ids @> array[cast(:subject_id as uuid)] and told_at >= :since
"""
_CHOSEN_OF_RANGE = """
    select * from (
        select *, sum(cardinality(places)) over (order by told_at)
                    - sum(cardinality(places)) over (partition by told_at) as before
          from (select * from callback_told
                 where endpoint_id = :endpoint_id and told_at >= :since and told_at < :until and not is_again
                 order by told_at fetch first cast(:count as bigint) rows with ties) earliest) counted
     where before < cast(:count as bigint)
"""

# `offset 0`: one probe a row, never a join of all; the bounds leave only the days of the log in which it can lie.
_REPLAY = """
    with chosen as materialized ({chosen}),
    again as materialized (
        select bundle.tenant_id, bundle.sequence, bundle.made_at, bundle.places,
               coalesce(waiting.places, '{{}}') as waiting
          from (select chosen.tenant_id, fact.sequence, min(chosen.made_at) as since,
                       max(chosen.told_at) as until, array_agg(distinct fact.place) as places
                  from chosen
                 cross join unnest(chosen.sequences, chosen.places, chosen.subject_ids)
                       as fact (sequence, place, subject_id)
                 where {fact}
                 group by chosen.tenant_id, fact.sequence) wanted
         cross join lateral (
               select log.made_at, wanted.* from callback_log log
                where log.tenant_id = wanted.tenant_id and log.sequence = wanted.sequence
                  and log.made_at between wanted.since and wanted.until + cast(:apart as interval) offset 0) bundle
          left join callback_queue waiting
                 on waiting.endpoint_id = :endpoint_id and waiting.is_again and waiting.sequence = bundle.sequence
    ),
    queued as (
        insert into callback_queue as waiting (endpoint_id, is_again, sequence, tenant_id, made_at, facts, places)
        select :endpoint_id, true, sequence, tenant_id, made_at, cardinality(joined.places), joined.places
          from again cross join lateral (
               select array(select unnest(again.places) union select unnest(again.waiting) order by 1) as places) joined
         order by sequence
        on conflict (endpoint_id, is_again, sequence) do update
           set facts = excluded.facts, places = excluded.places, conversations = null
        returning facts
    )
    select (select coalesce(sum(facts), 0) from queued)
             - (select coalesce(sum(cardinality(waiting)), 0) from again) as queued,
           (select coalesce(sum(cardinality(places)), 0) from again) as found,
           (select coalesce(sum(cardinality(places)), 0) from chosen) as chosen,
           (select max(told_at) from chosen) as last_told_at
"""
_REPLAY_MESSAGE = text(_REPLAY.format(chosen=_CHOSEN_OF_MESSAGE, fact="fact.subject_id = :subject_id"))
_REPLAY_RANGE = text(_REPLAY.format(chosen=_CHOSEN_OF_RANGE, fact="true"))

# Facts were told once the delivery that they were put into is gone: it is removed when it was taken, and one that was
# given up is kept as long as these rows.
_FIRST_TOLD = text("""
    select min(told.told_at)
      from callback_told told join callback_endpoints endpoint on endpoint.id = told.endpoint_id
     where told.tenant_id = :tenant_id and told.told_at >= :since
       and told.subject_ids @> array[cast(:subject_id as uuid)]
       and not exists (select from callback_deliveries waiting where waiting.id = told.delivery_id)
""")


class Told(NamedTuple):
    """The facts of one delivery, each by its bundle, its place and its subject; `made_at` of the oldest bundle."""

    endpoint_id: UUID
    tenant_id: UUID
    delivery_id: UUID
    is_again: bool
    made_at: datetime
    sequences: list[int]
    places: list[int]
    subject_ids: list[str]


class Replayed(NamedTuple):
    """How many facts were queued and found (each once), how many were read, and when the latest of them was told."""

    queued: int
    found: int
    chosen: int
    last_told_at: datetime | None


async def remember(connection: AsyncConnection, rows: Sequence[Told]) -> None:
    parameters = {
        "endpoint_ids": [row.endpoint_id for row in rows],
        "tenant_ids": [row.tenant_id for row in rows],
        "delivery_ids": [row.delivery_id for row in rows],
        "agains": [row.is_again for row in rows],
        "made_ats": [row.made_at for row in rows],
        "sequences": [_array(row.sequences) for row in rows],
        "places": [_array(row.places) for row in rows],
        "subject_ids": [_array(row.subject_ids) for row in rows],
    }
    await connection.execute(_REMEMBER, parameters)


async def lock(connection: AsyncConnection, endpoint_id: UUID, *, lock_class: int) -> None:
    await connection.execute(_LOCK, {"endpoint_id": endpoint_id, "lock_class": lock_class})


async def first_told(
    connection: AsyncConnection, tenant_id: UUID, subject_id: UUID, *, since: datetime, apart: timedelta
) -> datetime | None:
    """`apart`: how far two clocks of ours may be apart."""
    parameters = {"tenant_id": tenant_id, "subject_id": subject_id, "since": since - apart}
    told_at: datetime | None = await connection.scalar(_FIRST_TOLD, parameters)
    return told_at


async def replay_message(
    connection: AsyncConnection,
    endpoint_id: UUID,
    subject_id: UUID,
    *,
    since: datetime,
    apart: timedelta,
) -> Replayed:
    """Queue again what was told of a subject."""
    parameters = {
        "endpoint_id": endpoint_id,
        "subject_id": subject_id,
        "since": since,
        "apart": apart,
    }
    return Replayed(*(await connection.execute(_REPLAY_MESSAGE, parameters)).one())


async def replay_range(
    connection: AsyncConnection,
    endpoint_id: UUID,
    *,
    since: datetime,
    until: datetime,
    count: int,
    apart: timedelta,
) -> Replayed:
    """Queue again what was first told in the range, the oldest first; at least `count` facts if there are."""
    parameters = {
        "endpoint_id": endpoint_id,
        "since": since,
        "until": until,
        "count": count,
        "apart": apart,
    }
    return Replayed(*(await connection.execute(_REPLAY_RANGE, parameters)).one())


def _array(values: Sequence[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"
