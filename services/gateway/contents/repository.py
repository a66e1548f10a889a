"""All SQL of contents: inserted once, never changed (hot path)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEEP_BODIES = text("""
    insert into message_bodies (tenant_id, id, body)
    select * from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:bodies as bytea[]))
""")

# One probe of the key for each, however young the table's statistics are. The bounds leave only the partitions of the
# messages' days to look into.
_BODIES = text("""
    select b.id, b.body
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
     cross join lateral (
           select one.id, one.body from message_bodies one
            where one.tenant_id = asked.tenant_id and one.id = asked.id
              and one.id between cast(:first_id as uuid) and cast(:last_id as uuid) offset 0) b
""")

Columns = Mapping[str, Any]


async def keep_bodies(connection: AsyncConnection, columns: Columns) -> None:
    await connection.execute(_KEEP_BODIES, columns)


async def bodies(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> dict[UUID, bytes]:
    bounds = {"first_id": min(ids, default=None), "last_id": max(ids, default=None)}
    rows = await connection.execute(_BODIES, {"tenant_ids": tenant_ids, "ids": ids, **bounds})
    return {row.id: row.body for row in rows}
