"""All SQL of persons, their aliases and their moves (hot path: `known`)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases.names import Identity, Move


class Sighting(NamedTuple):
    """A BSUID was seen beside a number."""

    tenant_id: UUID
    bsuid: str
    person: str
    at: datetime


_WANTED = "unnest(cast(:tenant_ids as uuid[]), cast(:persons as text[])) as wanted (tenant_id, person)"
# The rows are locked in the order of their keys.
_HOLD = text(f"""
    insert into persons as held (tenant_id, person)
    select wanted.tenant_id, wanted.person from {_WANTED} order by 1, 2
    on conflict (tenant_id, person) do update set person = held.person
""")
_ROOTS = f"""
    roots as (
        select distinct wanted.tenant_id, coalesce(a.person, wanted.person) as person
          from {_WANTED}
          left join person_aliases a on a.tenant_id = wanted.tenant_id and a.alias = wanted.person)
"""
_KNOWN = text(f"""
    with {_ROOTS}
    select a.tenant_id, a.alias, a.person, a.seen_at, false as has_moved
      from {_WANTED} join person_aliases a on a.tenant_id = wanted.tenant_id and a.alias = wanted.person
    union all
    select m.tenant_id, roots.person, roots.person, m.moved_at, true
      from roots join person_moves m on m.tenant_id = roots.tenant_id and m.previous = roots.person
    union all
    select m.tenant_id, roots.person, roots.person, m.moved_at, true
      from roots join person_aliases a on a.tenant_id = roots.tenant_id and a.person = roots.person
      join person_moves m on m.tenant_id = a.tenant_id and m.previous = a.alias
""")
_LINKS = text(f"""
    with {_ROOTS}
    select distinct a.tenant_id, a.alias, a.person
      from roots join person_aliases a on a.tenant_id = roots.tenant_id and a.person = roots.person
""")
_MOVES = text(f"""
    select m.tenant_id, m.id, m.previous, m.current, m.is_number, m.moved_at
      from {_WANTED} join person_moves m on m.tenant_id = wanted.tenant_id and m.previous = wanted.person
    union
    select m.tenant_id, m.id, m.previous, m.current, m.is_number, m.moved_at
      from {_WANTED} join person_moves m on m.tenant_id = wanted.tenant_id and m.current = wanted.person
""")
# A BSUID is made anew when its person changes the number, so the newest sighting is the true one.
_REMEMBER = text("""
    insert into person_aliases as old (tenant_id, alias, person, seen_at)
    select new.tenant_id, new.alias, new.person, new.seen_at
      from unnest(cast(:tenant_ids as uuid[]), cast(:aliases as text[]), cast(:persons as text[]),
                  cast(:times as timestamptz[])) as new (tenant_id, alias, person, seen_at)
     order by new.tenant_id, new.alias
    on conflict (tenant_id, alias) do update set person = excluded.person, seen_at = excluded.seen_at
     where (old.seen_at, old.person) < (excluded.seen_at, excluded.person)
""")
_ADD_MOVES = text("""
    insert into person_moves (tenant_id, id, previous, current, is_number, moved_at)
    select * from unnest(
        cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:previous as text[]), cast(:current as text[]),
        cast(:are_numbers as boolean[]), cast(:times as timestamptz[]))
    on conflict (tenant_id, id) do nothing
""")


async def hold(connection: AsyncConnection, identities: Iterable[Identity]) -> None:
    """Keep everybody else from recording acts of these or learning names of them, until the transaction ends."""
    await connection.execute(_HOLD, _columns(identities))


async def known(connection: AsyncConnection, identities: Iterable[Identity]) -> Sequence[Row[Any]]:
    """The link of each alias, and with `has_moved` each person who left one of its identities."""
    return (await connection.execute(_KNOWN, _columns(identities))).all()


async def links(connection: AsyncConnection, identities: Iterable[Identity]) -> list[tuple[Identity, str]]:
    """Every alias of the persons behind these identities, and what it leads to."""
    rows = await connection.execute(_LINKS, _columns(identities))
    return [(Identity(row.tenant_id, row.alias), row.person) for row in rows]


async def moves(connection: AsyncConnection, identities: Iterable[Identity]) -> list[tuple[UUID, Move]]:
    """Every move from or to one of these identities, with its tenant."""
    rows = await connection.execute(_MOVES, _columns(identities))
    return [(row.tenant_id, Move(row.id, row.previous, row.current, row.is_number, row.moved_at)) for row in rows]


async def remember(connection: AsyncConnection, sightings: Sequence[Sighting]) -> None:
    """Each BSUID once; the newest sighting stays, and of two at one moment always the same."""
    columns: Mapping[str, list[Any]] = {
        "tenant_ids": [one.tenant_id for one in sightings],
        "aliases": [one.bsuid for one in sightings],
        "persons": [one.person for one in sightings],
        "times": [one.at for one in sightings],
    }
    await connection.execute(_REMEMBER, columns)


async def add_moves(connection: AsyncConnection, new: Sequence[tuple[UUID, Move]]) -> None:
    columns: Mapping[str, list[Any]] = {
        "tenant_ids": [tenant_id for tenant_id, _ in new],
        "ids": [move.id for _, move in new],
        "previous": [move.previous for _, move in new],
        "current": [move.current for _, move in new],
        "are_numbers": [move.is_number for _, move in new],
        "times": [move.at for _, move in new],
    }
    await connection.execute(_ADD_MOVES, columns)


def _columns(identities: Iterable[Identity]) -> dict[str, Any]:
    wanted = list(identities)
    return {"tenant_ids": [one.tenant_id for one in wanted], "persons": [one.person for one in wanted]}
