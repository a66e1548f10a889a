"""All SQL of the rating slice."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_CARD_AT = text("""
    select version, card from rate_cards
     where effective_from <= :at
     order by effective_from desc
     limit 1
""")


class CardRow(NamedTuple):
    """A stored card: its version and its document."""

    version: int
    card: dict[str, Any]


async def find_card(connection: AsyncConnection, at: datetime) -> CardRow | None:
    row = (await connection.execute(_CARD_AT, {"at": at})).first()
    return None if row is None else CardRow(row.version, row.card)
