"""The table of sealed parts of webhooks."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ADD = text(
    """
    insert into quarantine (id, held_at, reason, phone_number_id, content)
    select * from unnest(
        cast(:ids as uuid[]), cast(:held_at as timestamptz[]), cast(:reasons as text[]),
        cast(:phone_number_ids as text[]), cast(:contents as bytea[])
    )
    """
)


class Row(NamedTuple):
    id: UUID
    held_at: datetime
    reason: str
    phone_number_id: str | None
    content: bytes


async def add(connection: AsyncConnection, rows: Sequence[Row]) -> None:
    columns = {
        "ids": [row.id for row in rows],
        "held_at": [row.held_at for row in rows],
        "reasons": [row.reason for row in rows],
        "phone_number_ids": [row.phone_number_id for row in rows],
        "contents": [row.content for row in rows],
    }
    await connection.execute(ADD, columns)
