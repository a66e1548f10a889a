"""All SQL of persons, their aliases and their moves (hot path: `known`)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.consent.aliases.names import Identity, Move, Seen

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
    with {_ROOTS},
    named as materialized (
        select a.tenant_id, a.alias, a.person
          from roots join person_aliases a on a.tenant_id = roots.tenant_id and a.person = roots.person)
    select a.tenant_id, a.alias, a.person, a.first_seen_at, a.seen_at, false as has_moved
      from {_WANTED} join person_aliases a on a.tenant_id = wanted.tenant_id and a.alias = wanted.person
    union all
    select m.tenant_id, roots.person, roots.person, m.moved_at, m.moved_at, true
      from roots join person_moves m on m.tenant_id = roots.tenant_id and m.previous = roots.person
    union all
    select m.tenant_id, named.person, named.person, m.moved_at, m.moved_at, true
      from named join person_moves m on m.tenant_id = named.tenant_id and m.previous = named.alias
    union all
    select other.tenant_id, named.person, named.person, other.seen_at, other.seen_at, true
      from named join person_aliases other
        on other.tenant_id = named.tenant_id and other.alias = named.alias and other.person <> named.person
""")
_SEEN = text(f"""
    with {_ROOTS}
    select distinct every.tenant_id, every.alias, every.person, every.first_seen_at, every.seen_at
      from roots join person_aliases a on a.tenant_id = roots.tenant_id and a.person = roots.person
      join person_aliases every on every.tenant_id = a.tenant_id and every.alias = a.alias
""")
_MOVES = text(f"""
    select m.tenant_id, m.id, m.previous, m.current, m.is_number, m.moved_at
      from {_WANTED} join person_moves m on m.tenant_id = wanted.tenant_id and m.previous = wanted.person
    union
    select m.tenant_id, m.id, m.previous, m.current, m.is_number, m.moved_at
      from {_WANTED} join person_moves m on m.tenant_id = wanted.tenant_id and m.current = wanted.person
""")
_REMEMBER = text("""
    insert into person_aliases as old (tenant_id, alias, person, first_seen_at, seen_at)
    select new.tenant_id, new.alias, new.person, new.first_at, new.last_at
      from unnest(cast(:tenant_ids as uuid[]), cast(:aliases as text[]), cast(:persons as text[]),
                  cast(:first as timestamptz[]), cast(:last as timestamptz[]))
        as new (tenant_id, alias, person, first_at, last_at)
     order by new.tenant_id, new.alias, new.person
    on conflict (tenant_id, alias, person) do update
       set first_seen_at = least(old.first_seen_at, excluded.first_seen_at),
           seen_at = greatest(old.seen_at, excluded.seen_at)
     where excluded.first_seen_at < old.first_seen_at or excluded.seen_at > old.seen_at
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
    """What each BSUID was seen beside, and with `has_moved` each person who left one of its identities."""
    return (await connection.execute(_KNOWN, _columns(identities))).all()


async def seen(connection: AsyncConnection, identities: Iterable[Identity]) -> list[tuple[UUID, Seen]]:
    """All that the BSUIDs of the persons behind these identities were ever seen beside, with its tenant."""
    rows = await connection.execute(_SEEN, _columns(identities))
    return [(row.tenant_id, Seen(row.alias, row.person, row.first_seen_at, row.seen_at)) for row in rows]


async def moves(connection: AsyncConnection, identities: Iterable[Identity]) -> list[tuple[UUID, Move]]:
    """Every move from or to one of these identities, with its tenant."""
    rows = await connection.execute(_MOVES, _columns(identities))
    return [(row.tenant_id, Move(row.id, row.previous, row.current, row.is_number, row.moved_at)) for row in rows]


async def remember(connection: AsyncConnection, sightings: Sequence[tuple[UUID, Seen]]) -> None:
    """Each BSUID beside each number once: the first and the last moment of all sightings stay."""
    columns: Mapping[str, list[Any]] = {
        "tenant_ids": [tenant_id for tenant_id, _ in sightings],
        "aliases": [one.bsuid for _, one in sightings],
        "persons": [one.person for _, one in sightings],
        "first": [one.first_at for _, one in sightings],
        "last": [one.last_at for _, one in sightings],
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
