"""All SQL of the cards slice."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LIST = text("""
    select version, card, effective_from, approval_id from rate_cards order by effective_from desc limit :count
""")

_IS_TAKEN = text("select exists (select 1 from rate_cards where effective_from = :effective_from)")

_ADD = text("select add_rate_card(:approval_id, :effective_from)")


class StoredCard(NamedTuple):
    """A version of the price list; the first ones came with the software and have no approval."""

    version: int
    card: dict[str, Any]
    effective_from: datetime
    approval_id: UUID | None


async def list_newest(connection: AsyncConnection, count: int) -> list[StoredCard]:
    return [StoredCard(*row) for row in await connection.execute(_LIST, {"count": count})]


async def is_taken(connection: AsyncConnection, effective_from: datetime) -> bool:
    return bool(await connection.scalar(_IS_TAKEN, {"effective_from": effective_from}))


async def add(connection: AsyncConnection, approval_id: UUID, effective_from: datetime) -> int:
    """Add what was approved; the database takes it from the approval itself. Its version."""
    return int(await connection.scalar(_ADD, {"approval_id": approval_id, "effective_from": effective_from}) or 0)
