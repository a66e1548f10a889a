"""All SQL of what Meta says about templates, numbers and accounts.

Every statement takes many rows, the latest of a key wins, and nothing is overwritten by what Meta said earlier. Rows
are locked in the order of their keys first.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SET_STATES = text("""
    with new as (
        select distinct on (tenant_id, waba_id, name, language) *
          from unnest(cast(:tenant_ids as uuid[]), cast(:waba_ids as text[]), cast(:names as text[]),
                      cast(:languages as text[]), cast(:values as text[]), cast(:words as text[]),
                      cast(:reasons as text[]), cast(:times as timestamptz[]))
               with ordinality as said (tenant_id, waba_id, name, language, state, status, reason, at, position)
         order by tenant_id, waba_id, name, language, at desc, position desc
    ), locked as (
        select t.id, new.state, new.status, new.reason, new.at
          from templates t join new using (tenant_id, waba_id, name, language)
         order by t.id for update of t
    )
    update templates t
       set state = locked.state, meta_status = locked.status, status_reason = locked.reason, status_at = locked.at
      from locked
     where t.id = locked.id and (t.status_at is null or t.status_at <= locked.at)
""")

SET_QUALITIES = text("""
    with new as (
        select distinct on (tenant_id, waba_id, name, language) *
          from unnest(cast(:tenant_ids as uuid[]), cast(:waba_ids as text[]), cast(:names as text[]),
                      cast(:languages as text[]), cast(:values as text[]), cast(:times as timestamptz[]))
               with ordinality as said (tenant_id, waba_id, name, language, quality, at, position)
         order by tenant_id, waba_id, name, language, at desc, position desc
    ), locked as (
        select t.id, new.quality, new.at
          from templates t join new using (tenant_id, waba_id, name, language)
         order by t.id for update of t
    )
    update templates t set quality = locked.quality, quality_at = locked.at
      from locked
     where t.id = locked.id and (t.quality_at is null or t.quality_at <= locked.at)
""")

# Another category is another price: whoever remembers a version sees that it is another one.
SET_CATEGORIES = text("""
    with new as (
        select distinct on (tenant_id, waba_id, name, language) *
          from unnest(cast(:tenant_ids as uuid[]), cast(:waba_ids as text[]), cast(:names as text[]),
                      cast(:languages as text[]), cast(:values as text[]), cast(:times as timestamptz[]))
               with ordinality as said (tenant_id, waba_id, name, language, category, at, position)
         order by tenant_id, waba_id, name, language, at desc, position desc
    ), locked as (
        select t.id, new.category, new.at
          from templates t join new using (tenant_id, waba_id, name, language)
         order by t.id for update of t
    )
    update templates t
       set category = locked.category, category_at = locked.at,
           version = t.version + cast(t.category <> locked.category as int)
      from locked
     where t.id = locked.id and (t.category_at is null or t.category_at <= locked.at)
""")

SET_LIMITS = text("""
    with new as (
        select distinct on (phone_number_id) *
          from unnest(cast(:tenant_ids as uuid[]), cast(:ids as text[]), cast(:events as text[]),
                      cast(:values as text[]), cast(:times as timestamptz[]))
               with ordinality as said (tenant_id, phone_number_id, event, messaging_limit, at, position)
         order by phone_number_id, at desc, position desc
    ), locked as (
        select n.phone_number_id, new.event, new.messaging_limit, new.at
          from numbers n join new using (tenant_id, phone_number_id)
         order by n.phone_number_id for update of n
    )
    update numbers n
       set quality_event = locked.event, quality_at = locked.at,
           messaging_limit = coalesce(locked.messaging_limit, n.messaging_limit)
      from locked
     where n.phone_number_id = locked.phone_number_id and (n.quality_at is null or n.quality_at <= locked.at)
""")

SET_NAMES = text("""
    with new as (
        select distinct on (phone_number_id) *
          from unnest(cast(:tenant_ids as uuid[]), cast(:ids as text[]), cast(:values as text[]),
                      cast(:times as timestamptz[]))
               with ordinality as said (tenant_id, phone_number_id, decision, at, position)
         order by phone_number_id, at desc, position desc
    ), locked as (
        select n.phone_number_id, new.decision, new.at
          from numbers n join new using (tenant_id, phone_number_id)
         order by n.phone_number_id for update of n
    )
    update numbers n set name_decision = locked.decision, name_at = locked.at
      from locked
     where n.phone_number_id = locked.phone_number_id and (n.name_at is null or n.name_at <= locked.at)
""")

SET_STANDINGS = text("""
    insert into waba_standings as old (tenant_id, waba_id, aspect, value, at)
    select tenant_id, waba_id, aspect, cast(value as jsonb), at
      from (select distinct on (tenant_id, waba_id, aspect) *
              from unnest(cast(:tenant_ids as uuid[]), cast(:waba_ids as text[]), cast(:aspects as text[]),
                          cast(:values as text[]), cast(:times as timestamptz[]))
                   with ordinality as said (tenant_id, waba_id, aspect, value, at, position)
             order by tenant_id, waba_id, aspect, at desc, position desc) as new
     order by tenant_id, waba_id, aspect
    on conflict (tenant_id, waba_id, aspect) do update set value = excluded.value, at = excluded.at
     where old.at <= excluded.at
""")


class OfTemplate(NamedTuple):
    """One thing that was said of a template; `word` and `reason` are Meta's, where there are any."""

    tenant_id: UUID
    waba_id: str
    name: str
    language: str
    value: str
    at: datetime
    word: str | None = None
    reason: str | None = None


class OfNumber(NamedTuple):
    """One thing that was said of a number."""

    tenant_id: UUID
    phone_number_id: str
    value: str | None
    at: datetime
    event: str | None = None


class OfWaba(NamedTuple):
    """One aspect of an account's standing, as JSON."""

    tenant_id: UUID
    waba_id: str
    aspect: str
    value: str
    at: datetime


async def set_states(connection: AsyncConnection, rows: Sequence[OfTemplate]) -> None:
    words = {"words": [row.word for row in rows], "reasons": [row.reason for row in rows]}
    await connection.execute(SET_STATES, _of_templates(rows) | words)


async def set_qualities(connection: AsyncConnection, rows: Sequence[OfTemplate]) -> None:
    await connection.execute(SET_QUALITIES, _of_templates(rows))


async def set_categories(connection: AsyncConnection, rows: Sequence[OfTemplate]) -> None:
    await connection.execute(SET_CATEGORIES, _of_templates(rows))


async def set_limits(connection: AsyncConnection, rows: Sequence[OfNumber]) -> None:
    await connection.execute(SET_LIMITS, _of_numbers(rows) | {"events": [row.event for row in rows]})


async def set_names(connection: AsyncConnection, rows: Sequence[OfNumber]) -> None:
    await connection.execute(SET_NAMES, _of_numbers(rows))


async def set_standings(connection: AsyncConnection, rows: Sequence[OfWaba]) -> None:
    columns: dict[str, list[object]] = {
        "tenant_ids": [row.tenant_id for row in rows],
        "waba_ids": [row.waba_id for row in rows],
        "aspects": [row.aspect for row in rows],
        "values": [row.value for row in rows],
        "times": [row.at for row in rows],
    }
    await connection.execute(SET_STANDINGS, columns)


def _of_templates(rows: Sequence[OfTemplate]) -> dict[str, list[object]]:
    return {
        "tenant_ids": [row.tenant_id for row in rows],
        "waba_ids": [row.waba_id for row in rows],
        "names": [row.name for row in rows],
        "languages": [row.language for row in rows],
        "values": [row.value for row in rows],
        "times": [row.at for row in rows],
    }


def _of_numbers(rows: Sequence[OfNumber]) -> dict[str, list[object]]:
    return {
        "tenant_ids": [row.tenant_id for row in rows],
        "ids": [row.phone_number_id for row in rows],
        "values": [row.value for row in rows],
        "times": [row.at for row in rows],
    }
