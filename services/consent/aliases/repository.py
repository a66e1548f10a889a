"""All SQL of aliases (hot path)."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# A BSUID is made anew when its person changes the number, so the newest sighting is the true one.
_REMEMBER = text("""
    insert into person_aliases as old (tenant_id, alias, person, seen_at)
    select new.tenant_id, new.alias, new.person, new.seen_at
      from unnest(cast(:tenant_ids as uuid[]), cast(:aliases as text[]), cast(:persons as text[]),
                  cast(:times as timestamptz[])) as new (tenant_id, alias, person, seen_at)
     order by new.tenant_id, new.alias
    on conflict (tenant_id, alias) do update set person = excluded.person, seen_at = excluded.seen_at
     where old.person <> excluded.person and old.seen_at < excluded.seen_at
""")

_PERSONS = text("""
    select a.tenant_id, a.alias, a.person
      from unnest(cast(:tenant_ids as uuid[]), cast(:aliases as text[])) as wanted (tenant_id, alias)
      join person_aliases a on a.tenant_id = wanted.tenant_id and a.alias = wanted.alias
""")


async def remember(connection: AsyncConnection, columns: Mapping[str, Sequence[Any]]) -> None:
    """Rows are given as one list a column, each alias once."""
    await connection.execute(_REMEMBER, columns)


async def persons(
    connection: AsyncConnection, tenant_ids: Sequence[UUID], aliases: Sequence[str]
) -> dict[tuple[UUID, str], str]:
    rows = await connection.execute(_PERSONS, {"tenant_ids": list(tenant_ids), "aliases": list(aliases)})
    return {(row.tenant_id, row.alias): row.person for row in rows}
