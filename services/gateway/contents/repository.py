"""All SQL of contents: inserted once, never changed (hot path)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEEP_BODIES = text("""
    insert into message_bodies (tenant_id, id, body)
    select * from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:bodies as bytea[]))
    on conflict do nothing
""")

_KEEP_TRACES = text("""
    insert into message_traces (tenant_id, id, trace)
    select * from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:traces as jsonb[]))
    on conflict do nothing
""")

# The bounds leave only the partitions of the messages' days to look into.
_BODIES = text("""
    select b.id, b.body from message_bodies b
      join unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
           on b.tenant_id = asked.tenant_id and b.id = asked.id
     where b.id between cast(:first_id as uuid) and cast(:last_id as uuid)
""")

_TRACE = text("select trace from message_traces where tenant_id = :tenant_id and id = :id")

Columns = Mapping[str, Any]


async def keep_bodies(connection: AsyncConnection, columns: Columns) -> None:
    await connection.execute(_KEEP_BODIES, columns)


async def keep_traces(connection: AsyncConnection, columns: Columns) -> None:
    await connection.execute(_KEEP_TRACES, columns)


async def bodies(connection: AsyncConnection, tenant_ids: list[UUID], ids: list[UUID]) -> dict[UUID, bytes]:
    bounds = {"first_id": min(ids, default=None), "last_id": max(ids, default=None)}
    rows = await connection.execute(_BODIES, {"tenant_ids": tenant_ids, "ids": ids, **bounds})
    return {row.id: row.body for row in rows}


async def trace(connection: AsyncConnection, *, tenant_id: UUID, id_: UUID) -> Any:
    return await connection.scalar(_TRACE, {"tenant_id": tenant_id, "id": id_})
