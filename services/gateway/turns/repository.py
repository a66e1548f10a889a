"""All SQL of claims and of what limits them (hot path).

Claims lock buckets first, take of the queue only what nobody has locked, and pairs last: a bucket's holder is the only
one that gives turns to the pairs of its number. Everybody else locks buckets before pairs, each in key order.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Meta: one message in six seconds to one person, up to 45 borrowed from the future (whatsapp-cloud-api 5.2).
PAIR_SECONDS_PER_MESSAGE = 6
PAIR_BURST = 45
PAIR_FULL_SECONDS = (PAIR_BURST - 1) * PAIR_SECONDS_PER_MESSAGE  # a bucket that is full again by then has a token
# Procedures (migration 0014), whose plans are made once; they know the limits of pairs as well.
_CLAIM = text("""
    select * from claim_messages(
        :worker, cast(:lanes as int[]), :slots, :bulk_slots, :of_number, :bulk_of_number,
        cast(:busy_numbers as text[]), cast(:busy as int[]), :share_min, :head_max, :lease_seconds)
""")

_STEP_ASIDE = text("select step_aside(cast(:phone_number_ids as text[]), :head_max, :aside_seconds)")

# A later park outlives an earlier one. What refills meanwhile is not for the moment after it: an empty bucket lets a
# few try first. Else tokens that were not used come back; who claims takes no more than a second of them.
_CHANGE_NUMBERS = text("""
    with l as (select b.phone_number_id, new.whole, new.bulk, new.refund from number_buckets b
                 join unnest(cast(:phone_number_ids as text[]), cast(:whole as timestamptz[]),
                             cast(:bulk as timestamptz[]), cast(:refunds as int[]))
                      as new (phone_number_id, whole, bulk, refund) using (phone_number_id)
                order by b.phone_number_id for update of b)
    update number_buckets b set parked_until = greatest(b.parked_until, l.whole),
           bulk_parked_until = greatest(b.bulk_parked_until, l.bulk),
           tokens = case when l.whole is null then b.tokens + l.refund else 0 end,
           refilled_at = greatest(b.refilled_at, l.whole)
      from l where b.phone_number_id = l.phone_number_id
""")

# A pair that Meta itself found too busy has no token before `until`; a token that was not used comes back.
_CHANGE_PAIRS = text(f"""
    with l as (select hashtextextended(new.phone_number_id || new.person, 0) as pair, sum(new.refund) as refund,
                      max(new.until) as until
                 from unnest(cast(:phone_number_ids as text[]), cast(:persons as text[]), cast(:refunds as int[]),
                             cast(:untils as timestamptz[])) as new (phone_number_id, person, refund, until)
                group by 1),
         k as (select p.pair from pairs p join l using (pair) order by 1 for update of p)
    update pairs p
       set full_at = greatest(p.full_at - l.refund * interval '{PAIR_SECONDS_PER_MESSAGE} seconds',
                              l.until + interval '{PAIR_FULL_SECONDS} seconds')
      from l join k using (pair)
     where p.pair = l.pair
""")

# A full pair is the same as none.
_FORGET_PAIRS = text("""
    with next as (
        select pair, full_at from pairs where pair > :after order by 1 limit :count
    ), old as (
        select p.pair from pairs p join next using (pair)
         where next.full_at < now() - make_interval(secs => :old_seconds)
           and p.full_at < now() - make_interval(secs => :old_seconds)
         order by 1 for update of p skip locked
    ), gone as (
        delete from pairs p using old where p.pair = old.pair
    )
    select max(pair) from next
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


class Pair(NamedTuple):
    """What happened to a pair beside a send: a token that comes back, or Meta's own word on how long it must wait."""

    phone_number_id: str
    person: str
    refund: int = 0
    until: datetime | None = None


async def claim(connection: AsyncConnection, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """Lease the oldest due messages whose numbers and pairs have tokens and a turn.

    Locks the buckets of numbers that have tokens and due messages there, and are neither parked nor switched off; a row
    without a message is one of them that gave none.
    """
    return (await connection.execute(_CLAIM, parameters)).all()


async def step_aside(
    connection: AsyncConnection, phone_number_ids: list[str], *, head_max: int, aside_seconds: float
) -> int:
    """Let messages whose pairs must wait step aside where they are all that claims see; returns how many did."""
    parameters = {"phone_number_ids": phone_number_ids, "head_max": head_max, "aside_seconds": aside_seconds}
    return int((await connection.execute(_STEP_ASIDE, parameters)).scalar_one())


async def change_numbers(
    connection: AsyncConnection,
    phone_number_ids: list[str],
    *,
    whole: list[datetime | None],
    bulk: list[datetime | None],
    refunds: list[int],
) -> None:
    """Let these numbers rest until `whole`, or only their mailings until `bulk`; give tokens back."""
    parameters = {"phone_number_ids": phone_number_ids, "whole": whole, "bulk": bulk, "refunds": refunds}
    await connection.execute(_CHANGE_NUMBERS, parameters)


async def change_pairs(connection: AsyncConnection, pairs: Sequence[Pair]) -> None:
    parameters = {
        "phone_number_ids": [pair.phone_number_id for pair in pairs],
        "persons": [pair.person for pair in pairs],
        "refunds": [pair.refund for pair in pairs],
        "untils": [pair.until for pair in pairs],
    }
    await connection.execute(_CHANGE_PAIRS, parameters)


async def forget_pairs(connection: AsyncConnection, after: int, *, count: int, old_seconds: float) -> int | None:
    """Remove full pairs among the next `count` behind this one; returns the last that was looked at."""
    parameters = {"after": after, "count": count, "old_seconds": old_seconds}
    last: int | None = (await connection.execute(_FORGET_PAIRS, parameters)).scalar_one()
    return last


async def heard(connection: AsyncConnection, phone_number_ids: list[str], times: list[datetime]) -> None:
    """Reports of these numbers arrive."""
    await connection.execute(_HEARD, {"phone_number_ids": phone_number_ids, "times": times})
