"""All SQL of windows and entry points (hot path: `extend`, `expiries`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Key(NamedTuple):
    """The conversation of a person with one number of a tenant."""

    tenant_id: UUID
    phone_number_id: str
    person: str


class Expiry(NamedTuple):
    """Until when a person may be answered freely, and until when nothing is charged."""

    window: datetime
    entry_point: datetime | None


class Carrying(NamedTuple):
    """What `source` did until that moment counts for `target` too, at every number of the tenant."""

    tenant_id: UUID
    source: str
    target: str
    until: datetime


_KEYS = """
    unnest(cast(:tenant_ids as uuid[]), cast(:phone_number_ids as text[]), cast(:persons as text[]))
        as key (tenant_id, phone_number_id, person)
"""
_TIMES = """
    unnest(cast(:tenant_ids as uuid[]), cast(:phone_number_ids as text[]), cast(:persons as text[]),
           cast(:times as timestamptz[])) as new (tenant_id, phone_number_id, person, at)
"""
_CARRYINGS = """
    unnest(cast(:tenant_ids as uuid[]), cast(:sources as text[]), cast(:targets as text[]),
           cast(:untils as timestamptz[])) as new (tenant_id, source, target, until)
"""
# Rows are written in the order of their keys; an older or repeated message changes nothing.
_EXTEND = text(f"""
    insert into windows as w (tenant_id, phone_number_id, person, last_inbound_at, expires_at)
    select tenant_id, phone_number_id, person, max(at), max(at) + cast(:length as interval)
      from {_TIMES}
     group by 1, 2, 3
     order by 1, 2, 3
    on conflict (tenant_id, phone_number_id, person) do update
       set last_inbound_at = excluded.last_inbound_at, expires_at = excluded.expires_at
     where w.last_inbound_at < excluded.last_inbound_at
""")
_EXPIRIES = text(f"""
    select w.tenant_id, w.phone_number_id, w.person, w.expires_at, w.entry_point_expires_at
      from {_KEYS} join windows w using (tenant_id, phone_number_id, person)
""")
_REFER = text(f"""
    insert into ad_referrals (tenant_id, phone_number_id, person, referred_at)
    select distinct tenant_id, phone_number_id, person, at from {_TIMES} order by 1, 2, 3, 4
    on conflict do nothing
""")
_IS_ANY_REFERRED = text("select exists (select from ad_referrals where referred_at between :earliest and :latest)")
# The first answer counts. Rows are locked in the order of their keys, for reports of one person come in any batch.
_ANSWER = text(f"""
    with wanted as materialized (
        select r.tenant_id, r.phone_number_id, r.person, r.referred_at, min(new.at) as at
          from {_TIMES}
          join ad_referrals r on r.tenant_id = new.tenant_id and r.phone_number_id = new.phone_number_id
           and r.person = new.person and new.at >= r.referred_at and new.at < r.referred_at + cast(:length as interval)
         group by 1, 2, 3, 4),
    locked as materialized (
        select r.tenant_id, r.phone_number_id, r.person, r.referred_at
          from ad_referrals r join wanted using (tenant_id, phone_number_id, person, referred_at)
         order by 1, 2, 3, 4 for update of r)
    update ad_referrals r set answered_at = least(r.answered_at, wanted.at)
      from wanted join locked using (tenant_id, phone_number_id, person, referred_at)
     where r.tenant_id = wanted.tenant_id and r.phone_number_id = wanted.phone_number_id
       and r.person = wanted.person and r.referred_at = wanted.referred_at
       and (r.answered_at is null or r.answered_at > wanted.at)
    returning r.tenant_id, r.phone_number_id, r.person
""")
_SET_ENTRY_POINTS = text(f"""
    with found as materialized (
        select w.tenant_id, w.phone_number_id, w.person, opened.expires_at
          from (select distinct * from {_KEYS}) key
          join windows w using (tenant_id, phone_number_id, person)
          cross join lateral (
            select max(r.answered_at) + cast(:entry_point_length as interval) as expires_at from ad_referrals r
             where r.tenant_id = w.tenant_id and r.phone_number_id = w.phone_number_id and r.person = w.person) opened
         order by 1, 2, 3 for update of w)
    update windows w set entry_point_expires_at = found.expires_at
      from found
     where w.tenant_id = found.tenant_id and w.phone_number_id = found.phone_number_id and w.person = found.person
       and w.entry_point_expires_at is distinct from found.expires_at
""")
_CARRY = text(f"""
    insert into windows as w (tenant_id, phone_number_id, person, last_inbound_at, expires_at)
    select old.tenant_id, old.phone_number_id, new.target, max(old.last_inbound_at), max(old.expires_at)
      from {_CARRYINGS}
      join windows old on old.tenant_id = new.tenant_id and old.person = new.source and old.last_inbound_at <= new.until
     group by 1, 2, 3
     order by 1, 2, 3
    on conflict (tenant_id, phone_number_id, person) do update
       set last_inbound_at = excluded.last_inbound_at, expires_at = excluded.expires_at
     where w.last_inbound_at < excluded.last_inbound_at
""")
_CARRY_REFERRALS = text(f"""
    insert into ad_referrals as r (tenant_id, phone_number_id, person, referred_at, answered_at)
    select old.tenant_id, old.phone_number_id, new.target, old.referred_at, min(old.answered_at)
      from {_CARRYINGS}
      join ad_referrals old
        on old.tenant_id = new.tenant_id and old.person = new.source and old.referred_at <= new.until
     group by 1, 2, 3, 4
     order by 1, 2, 3, 4
    on conflict (tenant_id, phone_number_id, person, referred_at) do update
       set answered_at = least(r.answered_at, excluded.answered_at)
    returning tenant_id, phone_number_id, person
""")


async def extend(connection: AsyncConnection, times: Sequence[tuple[Key, datetime]], *, length: timedelta) -> None:
    """Open or extend the window of each key up to `length` after its latest message; never shorten one."""
    await connection.execute(_EXTEND, _times(times) | {"length": length})


async def expiries(connection: AsyncConnection, keys: Iterable[Key]) -> dict[Key, Expiry]:
    rows = await connection.execute(_EXPIRIES, _columns(keys))
    return {
        Key(row.tenant_id, row.phone_number_id, row.person): Expiry(row.expires_at, row.entry_point_expires_at)
        for row in rows
    }


async def refer(connection: AsyncConnection, times: Sequence[tuple[Key, datetime]]) -> None:
    """Keep that these people came from an ad, each moment once."""
    await connection.execute(_REFER, _times(times))


async def is_any_referred(connection: AsyncConnection, *, earliest: datetime, latest: datetime) -> bool:
    return bool(await connection.scalar(_IS_ANY_REFERRED, {"earliest": earliest, "latest": latest}))


async def answer(connection: AsyncConnection, times: Sequence[tuple[Key, datetime]], *, length: timedelta) -> list[Key]:
    """Keep the first answer to each referral that is younger than `length`; returns where one became earlier."""
    return _keys(await connection.execute(_ANSWER, _times(times) | {"length": length}))


async def set_entry_points(connection: AsyncConnection, keys: Sequence[Key], *, length: timedelta) -> None:
    """Make the entry points of these keys what their referrals say."""
    await connection.execute(_SET_ENTRY_POINTS, _columns(keys) | {"entry_point_length": length})


async def carry(connection: AsyncConnection, carryings: Sequence[Carrying]) -> list[Key]:
    """Give windows and referrals along; returns whose referrals were touched."""
    columns: dict[str, list[Any]] = {
        "tenant_ids": [one.tenant_id for one in carryings],
        "sources": [one.source for one in carryings],
        "targets": [one.target for one in carryings],
        "untils": [one.until for one in carryings],
    }
    await connection.execute(_CARRY, columns)
    return _keys(await connection.execute(_CARRY_REFERRALS, columns))


def _keys(rows: Iterable[Any]) -> list[Key]:
    return [Key(row.tenant_id, row.phone_number_id, row.person) for row in rows]


def _times(times: Sequence[tuple[Key, datetime]]) -> dict[str, Any]:
    return _columns(key for key, _ in times) | {"times": [at for _, at in times]}


def _columns(keys: Iterable[Key]) -> dict[str, Any]:
    rows = list(keys)
    return {
        "tenant_ids": [key.tenant_id for key in rows],
        "phone_number_ids": [key.phone_number_id for key in rows],
        "persons": [key.person for key in rows],
    }
