"""All SQL of what was told: facts move here from the queue (hot path), and back for a replay."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MOVE = text("""
    with gone as (
        delete from callback_facts fact
         using unnest(cast(:endpoint_ids as uuid[]), cast(:event_ids as uuid[])) as mine (endpoint_id, event_id)
         where fact.endpoint_id = mine.endpoint_id and fact.event_id = mine.event_id
        returning fact.*
    )
    insert into callback_told (endpoint_id, tenant_id, event_id, sequence, person, phone_number_id, kind, topic,
                               subject_id, occurred_at, content)
    select endpoint_id, tenant_id, event_id, sequence, person, phone_number_id, kind, topic, subject_id, occurred_at,
           content
      from gone
""")

# The facts of one transaction have one `told_at`: with ties, a range is never cut inside of it. `sequence`, that of the
# queue, keeps their order. A range counts the first telling of a fact only, or its pages would never end: what one
# request queues is soon told again, in the range of the next. (`offset 0`: one index probe a row, never a join of all.)
_REPLAY = """
    with chosen as (
        select told.* from callback_told told where {condition}
         order by told_at fetch first :count rows with ties
    ),
    again as (
        select distinct on (event_id) * from chosen
         where {is_first}
         order by event_id, told_at desc
    ),
    queued as (
        insert into callback_facts (endpoint_id, tenant_id, event_id, person, phone_number_id, kind, topic, subject_id,
                                    occurred_at, content)
        select endpoint_id, tenant_id, event_id, person, phone_number_id, kind, topic, subject_id, occurred_at, content
          from again order by told_at, sequence
        on conflict (endpoint_id, event_id) do nothing
        returning 1
    )
    select (select count(*) from queued) as queued,
           (select count(*) from again) as found,
           (select count(*) from chosen) as chosen,
           (select max(told_at) from chosen) as last_told_at
"""
_REPLAY_MESSAGE = text(
    _REPLAY.format(
        condition="endpoint_id = :endpoint_id and subject_id = :subject_id and told_at >= :since", is_first="true"
    )
)
_IS_FIRST = """not exists (
             select from callback_told earlier
              where earlier.endpoint_id = chosen.endpoint_id and earlier.subject_id = chosen.subject_id
                and earlier.event_id = chosen.event_id and earlier.told_at < chosen.told_at offset 0)"""
_REPLAY_RANGE = text(
    _REPLAY.format(
        condition="endpoint_id = :endpoint_id and told_at >= :since and told_at < :until", is_first=_IS_FIRST
    )
)


# Facts were told once the delivery that they were put into at that moment is gone: it is removed when it was taken, and
# one that was given up is kept as long as these rows. Its id is a UUIDv7 of about that moment: without the bounds every
# delivery that waits would be read.
_AT = "cast(rpad(lpad(to_hex(cast(extract(epoch from {moment}) * 1000 as bigint)), 12, '0'), 32, '0') as uuid)"
_FIRST_TOLD = text(f"""
    select min(told.told_at)
      from callback_endpoints endpoint
      join callback_told told on told.endpoint_id = endpoint.id and told.subject_id = :subject_id
     where endpoint.tenant_id = :tenant_id and told.told_at >= :since and told.kind = 'status'
       and not exists (select from callback_deliveries waiting
                        where waiting.id between {_AT.format(moment="told.told_at - cast(:apart as interval)")}
                                             and {_AT.format(moment="told.told_at + cast(:apart as interval)")}
                          and waiting.endpoint_id = told.endpoint_id and waiting.created_at = told.told_at
                          and told.subject_id = any (waiting.message_ids))
""")


class Replayed(NamedTuple):
    """How many facts were queued and found (each once), how many rows were read, and the latest of them."""

    queued: int
    found: int
    chosen: int
    last_told_at: datetime | None


async def move(connection: AsyncConnection, endpoint_ids: Sequence[UUID], event_ids: Sequence[UUID]) -> None:
    """Take facts out of the queue and remember that they were told now."""
    await connection.execute(_MOVE, {"endpoint_ids": list(endpoint_ids), "event_ids": list(event_ids)})


async def first_told(
    connection: AsyncConnection, tenant_id: UUID, subject_id: UUID, *, since: datetime, apart: timedelta
) -> datetime | None:
    """`apart`: how far two clocks of ours may be apart."""
    parameters = {"tenant_id": tenant_id, "subject_id": subject_id, "since": since - apart, "apart": apart}
    told_at: datetime | None = await connection.scalar(_FIRST_TOLD, parameters)
    return told_at


async def replay_message(
    connection: AsyncConnection, endpoint_id: UUID, subject_id: UUID, *, since: datetime, count: int
) -> Replayed:
    parameters = {"endpoint_id": endpoint_id, "subject_id": subject_id, "since": since, "count": count}
    return Replayed(*(await connection.execute(_REPLAY_MESSAGE, parameters)).one())


async def replay_range(
    connection: AsyncConnection, endpoint_id: UUID, *, since: datetime, until: datetime, count: int
) -> Replayed:
    """Queue again what was first told in the range, the oldest first; reads at least `count` rows if there are."""
    parameters = {"endpoint_id": endpoint_id, "since": since, "until": until, "count": count}
    return Replayed(*(await connection.execute(_REPLAY_RANGE, parameters)).one())
