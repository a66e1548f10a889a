"""All SQL of claims and of what limits them (hot path).

Claims lock buckets first, take of the queue only what nobody has locked, and pairs last: a bucket's holder is the only
one that gives turns to the pairs of its number. Everybody else locks buckets before pairs, each in key order.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Meta: one message in six seconds to one person, up to 45 borrowed from the future (whatsapp-cloud-api 5.2).
PAIR_SECONDS_PER_MESSAGE = 6
PAIR_BURST = 45
PAIR_FULL_SECONDS = (PAIR_BURST - 1) * PAIR_SECONDS_PER_MESSAGE  # a bucket that is full again by then has a token
# A turn lasts as long as its lease, and longer than the transaction that began before the lease was over.
TURN_GRACE_SECONDS = 2

_OPEN = "{q}.held_by is null and {q}.call_before is null and {q}.unknown_since is null"
_READY = (
    _OPEN
    + " and {q}.due_at <= now() and {q}.expires_at > now() and ({q}.lease_until is null or {q}.lease_until < now())"
)
# For rows that are found by their id: in words that no index has, or a queue's old statistics lead the planner to one.
_STILL_READY = """
    num_nulls({q}.held_by, {q}.call_before, {q}.unknown_since) = 3
    and ({q}.lease_until is null or {q}.lease_until < now())
"""
# now() is the transaction's beginning: somebody who began later may have written before us.
_TOKENS = """
    least(n.messages_per_second,
          b.tokens + greatest(0, extract(epoch from now() - b.refilled_at)) * n.messages_per_second)
"""
# The pair has a token, its latest turn is over, and this is its oldest message. One that was never called keeps its
# place in the order also while it is not due.
_HAS_TURN = f"""
    not exists (
        select 1 from pairs p left join dispatch_queue h on h.message_id = p.message_id
         where p.phone_number_id = q.phone_number_id and p.person = q.person
           and (p.full_at > now() + interval '{PAIR_FULL_SECONDS} seconds'
                or h.message_id <> q.message_id
                   and (h.call_before is not null or h.lease_until > now() - interval '{TURN_GRACE_SECONDS} seconds')))
    and q.message_id = (
        select e.message_id from dispatch_queue e
         where e.phone_number_id = q.phone_number_id
           and hashtextextended(e.person, 0) = hashtextextended(q.person, 0) and e.person = q.person
           and {_OPEN.format(q="e")} and e.expires_at > now() and (e.due_at <= now() or e.attempt = 0)
         order by e.lane, e.position limit 1)
"""
# The oldest messages of a lane of a number, one by one from the index: never more than are looked at.
_HEAD = f"""
    select q.message_id, q.phone_number_id, q.person, q.lane, q.due_at, q.position from dispatch_queue q
     where q.phone_number_id = n.phone_number_id and q.lane = l.lane and {_READY.format(q="q")}
     order by q.due_at limit cast(:head_max as bigint)
"""
# Whose messages may be claimed, and how many: an index probe or four for each number that has any open, however many
# it has. What is locked belongs to the caller until its transaction ends; whatever
# an earlier owner did is seen by the caller's next statement.
_TAKE_NUMBERS = text(f"""
    with recursive found as (
        (select q.phone_number_id from dispatch_queue q where {_OPEN.format(q="q")} order by q.phone_number_id limit 1)
        union all
        select (select q.phone_number_id from dispatch_queue q
                 where q.phone_number_id > found.phone_number_id and {_OPEN.format(q="q")}
                 order by q.phone_number_id limit 1)
          from found where found.phone_number_id is not null
    ), due as materialized (
        select found.phone_number_id from found
         where exists (select 1 from (values (0), (1)) as l (lane) cross join lateral (
                           select 1 from dispatch_queue q
                            where q.phone_number_id = found.phone_number_id and q.lane = l.lane
                              and {_READY.format(q="q")} limit 1) one)
    )
    select b.phone_number_id, {_TOKENS} as tokens, coalesce(b.bulk_parked_until > now(), false) as is_bulk_parked
      from due
      join numbers n on n.phone_number_id = due.phone_number_id
      join number_buckets b on b.phone_number_id = due.phone_number_id
     where n.state = 'active' and (b.parked_until is null or b.parked_until <= now()) and {_TOKENS} >= 1
     order by b.phone_number_id for update of b skip locked
""")

# No number shows more than its share, so that the cost does not grow with what waits; express goes first in what it
# shows, in what its limits allow, and in what there are slots for.
_CLAIM = text(f"""
    with number as materialized (
        select * from unnest(cast(:phone_number_ids as text[]), cast(:tokens as float8[]), cast(:express as int[]),
                             cast(:bulk as int[])) as n (phone_number_id, tokens, express, bulk)
    ), shown as materialized (
        select s.* from number n
         cross join lateral (values (0, n.express), (1, n.bulk)) as l (lane, allowed)
         cross join lateral (
               select q.* from ({_HEAD}) q where {_HAS_TURN}
                order by q.due_at limit least(l.allowed, cast(:share as int))) s
    ), ranked as (
        select s.*, row_number() over (partition by s.phone_number_id order by s.lane, s.due_at, s.position)
                    <= case s.lane when 0 then n.express else n.bulk end as is_allowed
          from shown s join number n using (phone_number_id)
    ), chosen as materialized (
        select r.message_id from (
            select message_id, lane, row_number() over (order by lane, due_at, position) as place
              from ranked where is_allowed) r
         where r.place <= case r.lane when 0 then cast(:slots as int) else cast(:bulk_slots as int) end
    ), taken as materialized (
        select q.message_id, q.phone_number_id, q.person from chosen c
          join dispatch_queue q on q.message_id = c.message_id and {_STILL_READY.format(q="q")}
           for update of q skip locked
    ), spent as (
        update number_buckets b set tokens = n.tokens - t.count, refilled_at = greatest(b.refilled_at, now())
          from number n
          join (select phone_number_id, count(*) as count from taken group by 1) t using (phone_number_id)
         where b.phone_number_id = n.phone_number_id
    ), turned as (
        insert into pairs as p (phone_number_id, person, full_at, message_id)
        select phone_number_id, person, now() + interval '{PAIR_SECONDS_PER_MESSAGE} seconds', message_id from taken
         order by 1, 2
        on conflict (phone_number_id, person) do update set
               full_at = greatest(p.full_at, now()) + interval '{PAIR_SECONDS_PER_MESSAGE} seconds',
               message_id = excluded.message_id
    )
    update dispatch_queue q set worker = :worker, lease_until = now() + make_interval(secs => :lease_seconds)
      from taken t where q.message_id = t.message_id
    returning q.message_id, q.tenant_id, q.phone_number_id, q.person, q.attempt
""")

# Where the head of a lane is full of messages whose pairs must wait, those behind them would never be seen.
_STEP_ASIDE = text(f"""
    with blocked as materialized (
        select q.message_id from unnest(cast(:phone_number_ids as text[])) as n (phone_number_id)
         cross join (values (0), (1)) as l (lane)
         cross join lateral (
               select 1 from dispatch_queue q
                where q.phone_number_id = n.phone_number_id and q.lane = l.lane and {_READY.format(q="q")}
                order by q.due_at offset cast(:head_max as bigint) - 1 limit 1) crowd
         cross join lateral ({_HEAD}) q
         where not ({_HAS_TURN})
    ), l as materialized (
        select q.message_id from blocked
          join dispatch_queue q on q.message_id = blocked.message_id and {_STILL_READY.format(q="q")}
           for update of q skip locked
    )
    update dispatch_queue q set due_at = now() + make_interval(secs => :aside_seconds) from l
     where q.message_id = l.message_id
""")

# A later park outlives an earlier one. What refills meanwhile is not for the moment after it: an empty bucket lets a
# few try first.
_PARK = text("""
    with l as (select b.phone_number_id, new.whole, new.bulk from number_buckets b
                 join unnest(cast(:phone_number_ids as text[]), cast(:whole as timestamptz[]),
                             cast(:bulk as timestamptz[])) as new (phone_number_id, whole, bulk) using (phone_number_id)
                order by b.phone_number_id for update of b)
    update number_buckets b set parked_until = greatest(b.parked_until, l.whole),
           bulk_parked_until = greatest(b.bulk_parked_until, l.bulk),
           tokens = case when l.whole is null then b.tokens else 0 end,
           refilled_at = greatest(b.refilled_at, l.whole)
      from l where b.phone_number_id = l.phone_number_id
""")

# A pair that Meta itself found too busy has no token before `until`; a token that was not used comes back.
_CHANGE_PAIRS = text(f"""
    with l as (select new.phone_number_id, new.person, sum(new.refund) as refund, max(new.until) as until
                 from unnest(cast(:phone_number_ids as text[]), cast(:persons as text[]), cast(:refunds as int[]),
                             cast(:untils as timestamptz[])) as new (phone_number_id, person, refund, until)
                group by 1, 2),
         k as (select p.phone_number_id, p.person from pairs p join l using (phone_number_id, person)
                order by 1, 2 for update of p)
    update pairs p
       set full_at = greatest(p.full_at - l.refund * interval '{PAIR_SECONDS_PER_MESSAGE} seconds',
                              l.until + interval '{PAIR_FULL_SECONDS} seconds')
      from l join k using (phone_number_id, person)
     where p.phone_number_id = l.phone_number_id and p.person = l.person
""")

# A full pair is the same as none.
_FORGET_PAIRS = text("""
    with next as (
        select phone_number_id, person, full_at from pairs
         where (phone_number_id, person) > (:phone_number_id, :person) order by 1, 2 limit :count
    ), old as (
        select p.phone_number_id, p.person from pairs p join next using (phone_number_id, person)
         where next.full_at < now() - make_interval(secs => :old_seconds)
           and p.full_at < now() - make_interval(secs => :old_seconds)
         order by 1, 2 for update of p skip locked
    ), gone as (
        delete from pairs p using old where p.phone_number_id = old.phone_number_id and p.person = old.person
    )
    select phone_number_id, person from next order by 1 desc, 2 desc limit 1
""")

# Written at most once for each second of Meta's clock, apart from the buckets: those who report wait for no claim.
_HEARD = text("""
    insert into number_reports as r (phone_number_id, last_status_at)
    select new.phone_number_id, new.at
      from unnest(cast(:phone_number_ids as text[]), cast(:times as timestamptz[])) as new (phone_number_id, at)
     where not exists (select 1 from number_reports r
                        where r.phone_number_id = new.phone_number_id and r.last_status_at >= new.at)
     order by 1
    on conflict (phone_number_id) do update set last_status_at = greatest(r.last_status_at, excluded.last_status_at)
""")


class Ready(NamedTuple):
    """A number whose bucket the caller holds: how many messages of each lane it may send now."""

    phone_number_id: str
    tokens: float
    express: int
    bulk: int


class Pair(NamedTuple):
    """What happened to a pair beside a send: a token that comes back, or Meta's own word on how long it must wait."""

    phone_number_id: str
    person: str
    refund: int = 0
    until: datetime | None = None


async def take_numbers(connection: AsyncConnection) -> Sequence[Row[Any]]:
    """Lock the buckets of numbers that have tokens and due messages, and are neither parked nor switched off."""
    return (await connection.execute(_TAKE_NUMBERS)).all()


async def claim(
    connection: AsyncConnection,
    numbers: Sequence[Ready],
    *,
    worker: UUID,
    slots: int,
    bulk_slots: int,
    share: int,
    head_max: int,
    lease_seconds: float,
) -> Sequence[Row[Any]]:
    """Lease the oldest due messages whose pairs have a turn, of numbers whose buckets the caller has locked."""
    parameters = {
        "phone_number_ids": [number.phone_number_id for number in numbers],
        "tokens": [number.tokens for number in numbers],
        "express": [number.express for number in numbers],
        "bulk": [number.bulk for number in numbers],
        "worker": worker,
        "slots": slots,
        "bulk_slots": bulk_slots,
        "share": share,
        "head_max": head_max,
        "lease_seconds": lease_seconds,
    }
    return (await connection.execute(_CLAIM, parameters)).all()


async def step_aside(
    connection: AsyncConnection, phone_number_ids: list[str], *, head_max: int, aside_seconds: float
) -> int:
    """Let messages whose pairs must wait step aside where they are all that claims see; returns how many did."""
    parameters = {"phone_number_ids": phone_number_ids, "head_max": head_max, "aside_seconds": aside_seconds}
    return int((await connection.execute(_STEP_ASIDE, parameters)).rowcount)


async def park(
    connection: AsyncConnection,
    phone_number_ids: list[str],
    *,
    whole: list[datetime | None],
    bulk: list[datetime | None],
) -> None:
    """Let these numbers rest until `whole`, or only their mailings until `bulk`."""
    await connection.execute(_PARK, {"phone_number_ids": phone_number_ids, "whole": whole, "bulk": bulk})


async def change_pairs(connection: AsyncConnection, pairs: Sequence[Pair]) -> None:
    parameters = {
        "phone_number_ids": [pair.phone_number_id for pair in pairs],
        "persons": [pair.person for pair in pairs],
        "refunds": [pair.refund for pair in pairs],
        "untils": [pair.until for pair in pairs],
    }
    await connection.execute(_CHANGE_PAIRS, parameters)


async def forget_pairs(
    connection: AsyncConnection, after: tuple[str, str], *, count: int, old_seconds: float
) -> tuple[str, str] | None:
    """Remove full pairs among the next `count` behind this one; returns the last that was looked at."""
    parameters = {"phone_number_id": after[0], "person": after[1], "count": count, "old_seconds": old_seconds}
    row = (await connection.execute(_FORGET_PAIRS, parameters)).one_or_none()
    return None if row is None else (row.phone_number_id, row.person)


async def heard(connection: AsyncConnection, phone_number_ids: list[str], times: list[datetime]) -> None:
    """Reports of these numbers arrive."""
    await connection.execute(_HEARD, {"phone_number_ids": phone_number_ids, "times": times})
