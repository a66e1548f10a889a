"""All SQL of the dispatch queue; locks go messages, pairs, queue, each in key order (hot path)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Meta: one message in six seconds to one person, up to 45 borrowed from the future (whatsapp-cloud-api 5.2).
PAIR_SECONDS_PER_MESSAGE = 6
PAIR_BURST = 45

_READY = """
    {q}.held_by is null and {q}.call_before is null and {q}.unknown_since is null and {q}.due_at <= now()
    and {q}.expires_at > now() and ({q}.lease_until is null or {q}.lease_until < now())
"""
# now() is the transaction's beginning: somebody who began later may have written before us.
_ELAPSED = "greatest(0, extract(epoch from now() - {row}.refilled_at))"
_PAIR_TOKENS = f"""
    least({PAIR_BURST}, p.tokens + {_ELAPSED.format(row="p")} / {PAIR_SECONDS_PER_MESSAGE})
"""

_ENQUEUE = text("""
    insert into dispatch_queue (message_id, tenant_id, phone_number_id, person, lane, position, due_at, expires_at,
                                held_by, republish_at)
    select new.* from unnest(
               cast(:ids as uuid[]), cast(:tenant_ids as uuid[]), cast(:phone_number_ids as text[]),
               cast(:persons as text[]), cast(:lanes as smallint[]), cast(:positions as bigint[]),
               cast(:due as timestamptz[]), cast(:expires as timestamptz[]), cast(:held as text[]),
               cast(:republish as timestamptz[])) as new
    on conflict do nothing
""")

_OPEN_PAIRS = text(f"""
    insert into pairs (phone_number_id, person, tokens)
    select distinct new.phone_number_id, new.person, {PAIR_BURST}
      from unnest(cast(:phone_number_ids as text[]), cast(:persons as text[])) as new (phone_number_id, person)
     order by 1, 2
    on conflict do nothing
""")

# A bucket is written only when it is missing or its number's limit has changed: a claim passes over locked ones.
_OPEN_BUCKETS = text("""
    insert into number_buckets as b (phone_number_id, messages_per_second, tokens)
    select n.phone_number_id, n.messages_per_second, n.messages_per_second
      from numbers n
     where n.phone_number_id = any(cast(:phone_number_ids as text[]))
       and not exists (select 1 from number_buckets b where b.phone_number_id = n.phone_number_id
                          and b.messages_per_second = n.messages_per_second)
     order by 1
    on conflict (phone_number_id) do update set messages_per_second = excluded.messages_per_second
""")

_RELEASE_HELD = text("""
    with l as (select message_id from dispatch_queue
                where message_id = any(cast(:ids as uuid[])) and held_by = 'funding'
                order by message_id for update)
    update dispatch_queue q set held_by = null, due_at = greatest(q.due_at, now()) from l
     where q.message_id = l.message_id
""")

_DROP = text("""
    with l as (select message_id from dispatch_queue
                where message_id = any(cast(:ids as uuid[])) and call_before is null order by message_id for update)
    delete from dispatch_queue q using l where q.message_id = l.message_id
    returning q.message_id
""")

# Unlike a message whose fate is known, one that is cancelled must not be under way in any sense.
_WITHDRAW = text("""
    with l as (select message_id, coalesce(lease_until > now(), false) as was_leased from dispatch_queue
                where message_id = :id and call_before is null and unknown_since is null for update)
    delete from dispatch_queue q using l where q.message_id = l.message_id
    returning l.was_leased
""")

_CLAIM = text(f"""
    with number as materialized (
        select b.phone_number_id,
               least(b.messages_per_second, b.tokens + {_ELAPSED.format(row="b")} * b.messages_per_second) as tokens
          from number_buckets b
         where exists (select 1 from dispatch_queue q where q.phone_number_id = b.phone_number_id
                          and {_READY.format(q="q")})
         order by b.phone_number_id for update of b skip locked
    ), candidate as materialized (
        select c.* from number n cross join lateral (
            select q.message_id, q.phone_number_id, q.person, q.lane, q.due_at, q.position
              from dispatch_queue q
              join pairs p on p.phone_number_id = q.phone_number_id and p.person = q.person
             where q.phone_number_id = n.phone_number_id and {_READY.format(q="q")}
               and (p.busy_until is null or p.busy_until < now()) and {_PAIR_TOKENS} >= 1
               and not exists (
                   select 1 from dispatch_queue e
                    where e.phone_number_id = q.phone_number_id and e.person = q.person
                      and {_READY.format(q="e")} and (e.lane, e.position) < (q.lane, q.position))
             order by q.lane, q.due_at
             limit least(:slots, floor(n.tokens)::int)
               for update of q, p skip locked
        ) c
    ), chosen as materialized (
        select * from candidate order by lane, due_at, position limit :slots
    ), spent as (
        update number_buckets b set tokens = n.tokens - c.count, refilled_at = greatest(b.refilled_at, now())
          from number n
          join (select phone_number_id, count(*) as count from chosen group by 1) c using (phone_number_id)
         where b.phone_number_id = n.phone_number_id
    ), busy as (
        update pairs p set tokens = {_PAIR_TOKENS} - 1, refilled_at = greatest(p.refilled_at, now()),
                           busy_until = now() + make_interval(secs => :busy_seconds)
          from chosen c where p.phone_number_id = c.phone_number_id and p.person = c.person
    ), leased as (
        update dispatch_queue q set worker = :worker, lease_until = now() + make_interval(secs => :lease_seconds)
          from chosen c where q.message_id = c.message_id
        returning q.message_id, q.tenant_id, q.phone_number_id, q.person, q.attempt
    )
    select * from leased
""")

_START = text("""
    with l as (select message_id from dispatch_queue
                where message_id = any(cast(:ids as uuid[])) and worker = :worker and lease_until > now()
                  and call_before is null and unknown_since is null
                order by message_id for update)
    update dispatch_queue q set attempt = q.attempt + 1, call_before = :call_before, worker = null, lease_until = null
      from l where q.message_id = l.message_id
    returning q.message_id, q.tenant_id, q.attempt
""")

_LOCK_PAIRS = text("""
    select 1 from pairs p
      join unnest(cast(:phone_number_ids as text[]), cast(:persons as text[])) as asked (phone_number_id, person)
           on p.phone_number_id = asked.phone_number_id and p.person = asked.person
     order by p.phone_number_id, p.person for update of p
""")

_GIVE_BACK = text("""
    with l as (select q.message_id from dispatch_queue q
                where q.message_id = any(cast(:ids as uuid[])) and q.worker = :worker order by q.message_id for update)
    update dispatch_queue q set worker = null, lease_until = null,
           due_at = now() + make_interval(secs => :delay_seconds)
      from l where q.message_id = l.message_id
    returning q.message_id, q.phone_number_id, q.person
""")

# Only the attempt that is still the present one has a say; `was_sending` tells whose pair is still ours to free.
_LOCK_ATTEMPTS = text("""
    select q.message_id, q.attempt, q.call_before is not null as was_sending, q.phone_number_id, q.person
      from dispatch_queue q
      join unnest(cast(:ids as uuid[]), cast(:attempts as int[])) as mine (message_id, attempt)
           on q.message_id = mine.message_id and q.attempt = mine.attempt
     where q.call_before is not null or q.unknown_since is not null
     order by q.message_id for update of q
""")

_FREE_PAIRS = text("""
    update pairs p set busy_until = null, tokens = least(:burst, p.tokens + freed.refund)
      from unnest(cast(:phone_number_ids as text[]), cast(:persons as text[]), cast(:refunds as int[]))
           as freed (phone_number_id, person, refund)
     where p.phone_number_id = freed.phone_number_id and p.person = freed.person
""")

_DELETE = text("delete from dispatch_queue where message_id = any(cast(:ids as uuid[]))")

_REQUEUE = text("""
    update dispatch_queue q set call_before = null, unknown_since = null, worker = null, lease_until = null,
           due_at = new.due_at
      from unnest(cast(:ids as uuid[]), cast(:due as timestamptz[])) as new (message_id, due_at)
     where q.message_id = new.message_id
""")

_TURN_UNKNOWN = text("""
    update dispatch_queue q set call_before = null, unknown_since = :at where q.message_id = any(cast(:ids as uuid[]))
""")

# Written at most once for each second of Meta's clock: a bucket that is locked here is passed over by claims.
_HEARD = text("""
    with l as (select b.phone_number_id, heard.at from number_buckets b
                 join unnest(cast(:phone_number_ids as text[]), cast(:times as timestamptz[]))
                      as heard (phone_number_id, at) on heard.phone_number_id = b.phone_number_id
                where b.last_status_at is null or b.last_status_at < heard.at
                order by b.phone_number_id for update of b)
    update number_buckets b set last_status_at = greatest(b.last_status_at, l.at)
      from l where b.phone_number_id = l.phone_number_id
""")

Columns = dict[str, Any]


async def enqueue(connection: AsyncConnection, columns: Columns) -> None:
    """Put whole messages into the queue, with what they wait for."""
    await connection.execute(_OPEN_BUCKETS, {"phone_number_ids": sorted(set(columns["phone_number_ids"]))})
    await connection.execute(
        _OPEN_PAIRS, {"phone_number_ids": columns["phone_number_ids"], "persons": columns["persons"]}
    )
    await connection.execute(_ENQUEUE, columns)


async def release_held(connection: AsyncConnection, ids: list[UUID]) -> None:
    await connection.execute(_RELEASE_HELD, {"ids": ids})


async def drop(connection: AsyncConnection, ids: list[UUID]) -> set[UUID]:
    """Take messages out that will not be sent; returns them. One whose call may be under way stays."""
    return {row.message_id for row in await connection.execute(_DROP, {"ids": ids})}


async def withdraw(connection: AsyncConnection, id_: UUID) -> bool | None:
    """Take out a message that no call was begun for: whether somebody was about to; None when it cannot be taken."""
    return (await connection.execute(_WITHDRAW, {"id": id_})).scalar_one_or_none()


async def claim(
    connection: AsyncConnection, *, worker: UUID, slots: int, lease_seconds: float, busy_seconds: float
) -> Sequence[Row[Any]]:
    """Lease the oldest due message of idle pairs, as many as there are slots and tokens; express lane first."""
    parameters = {"worker": worker, "slots": slots, "lease_seconds": lease_seconds, "busy_seconds": busy_seconds}
    return (await connection.execute(_CLAIM, parameters)).all()


async def start(
    connection: AsyncConnection, *, ids: list[UUID], worker: UUID, call_before: datetime
) -> Sequence[Row[Any]]:
    """Record the attempts of those whose lease still lives."""
    parameters = {"ids": ids, "worker": worker, "call_before": call_before}
    return (await connection.execute(_START, parameters)).all()


async def lock_pairs(connection: AsyncConnection, phone_number_ids: list[str], persons: list[str]) -> None:
    await connection.execute(_LOCK_PAIRS, {"phone_number_ids": phone_number_ids, "persons": persons})


async def give_back(
    connection: AsyncConnection, *, ids: list[UUID], worker: UUID, delay_seconds: float
) -> Sequence[Row[Any]]:
    """End leases of messages that were not started; returns those that were still ours."""
    parameters = {"ids": ids, "worker": worker, "delay_seconds": delay_seconds}
    return (await connection.execute(_GIVE_BACK, parameters)).all()


async def lock_attempts(connection: AsyncConnection, ids: list[UUID], attempts: list[int]) -> Sequence[Row[Any]]:
    """Lock the queue rows of which the given attempt is the present one."""
    return (await connection.execute(_LOCK_ATTEMPTS, {"ids": ids, "attempts": attempts})).all()


async def free_pairs(
    connection: AsyncConnection, phone_number_ids: list[str], persons: list[str], refunds: list[int]
) -> None:
    """Let the next message of each pair go; a refund gives back a token that was not used."""
    parameters = {
        "phone_number_ids": phone_number_ids,
        "persons": persons,
        "refunds": refunds,
        "burst": PAIR_BURST,
    }
    await connection.execute(_FREE_PAIRS, parameters)


async def delete(connection: AsyncConnection, ids: list[UUID]) -> None:
    await connection.execute(_DELETE, {"ids": ids})


async def requeue(connection: AsyncConnection, ids: list[UUID], due: list[datetime]) -> None:
    await connection.execute(_REQUEUE, {"ids": ids, "due": due})


async def turn_unknown(connection: AsyncConnection, ids: list[UUID], at: datetime) -> None:
    await connection.execute(_TURN_UNKNOWN, {"ids": ids, "at": at})


async def heard(connection: AsyncConnection, phone_number_ids: list[str], times: list[datetime]) -> None:
    """Reports of these numbers arrive."""
    await connection.execute(_HEARD, {"phone_number_ids": phone_number_ids, "times": times})
