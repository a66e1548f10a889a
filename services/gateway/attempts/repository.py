"""All SQL of the attempt log: written in batches with the results of the attempts (hot path), read in pages."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ADD = text("""
    insert into callback_attempts (id, endpoint_id, tenant_id, delivery_id, attempt, facts, tried_at, milliseconds,
                                   status, error, address, heads)
    select * from unnest(
        cast(:ids as uuid[]), cast(:endpoint_ids as uuid[]), cast(:tenant_ids as uuid[]), cast(:delivery_ids as uuid[]),
        cast(:attempts as int[]), cast(:facts as int[]), cast(:tried_ats as timestamptz[]),
        cast(:milliseconds as int[]), cast(:statuses as int[]), cast(:errors as text[]), cast(:addresses as text[]),
        cast(:heads as bytea[]))
""")

_PAGE = text("""
    select id, endpoint_id, tenant_id, delivery_id, attempt, facts, tried_at, milliseconds, status, error, address,
           heads
      from callback_attempts
     where endpoint_id = :endpoint_id and id < :before and id >= :low
     order by id desc limit :count
""")


class AttemptRow(NamedTuple):
    id: UUID
    endpoint_id: UUID
    tenant_id: UUID
    delivery_id: UUID
    attempt: int
    facts: int
    tried_at: datetime
    milliseconds: int
    status: int
    error: str
    address: str | None
    heads: bytes


async def add(connection: AsyncConnection, rows: Sequence[AttemptRow]) -> None:
    parameters = {
        "ids": [row.id for row in rows],
        "endpoint_ids": [row.endpoint_id for row in rows],
        "tenant_ids": [row.tenant_id for row in rows],
        "delivery_ids": [row.delivery_id for row in rows],
        "attempts": [row.attempt for row in rows],
        "facts": [row.facts for row in rows],
        "tried_ats": [row.tried_at for row in rows],
        "milliseconds": [row.milliseconds for row in rows],
        "statuses": [row.status for row in rows],
        "errors": [row.error for row in rows],
        "addresses": [row.address for row in rows],
        "heads": [row.heads for row in rows],
    }
    await connection.execute(_ADD, parameters)


async def page(
    connection: AsyncConnection, endpoint_id: UUID, *, low: UUID, before: UUID, count: int
) -> list[AttemptRow]:
    """Attempts whose ids are below `before` and not below `low`, newest first."""
    rows = await connection.execute(_PAGE, {"endpoint_id": endpoint_id, "low": low, "before": before, "count": count})
    return [AttemptRow(*row) for row in rows]
