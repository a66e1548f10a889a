"""All SQL of the rating slice."""

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# The card in force at that time and all that follow it.
_CARDS_FROM = text("""
    select version, card, effective_from from rate_cards
     where effective_from >= (select max(effective_from) from rate_cards where effective_from <= :at)
     order by effective_from
""")


class CardRow(NamedTuple):
    """A stored card: its version, its document, and from when it is in force."""

    version: int
    card: dict[str, Any]
    effective_from: datetime


async def list_from(connection: AsyncConnection, at: datetime) -> list[CardRow]:
    """Empty when nothing is in force at that time."""
    return [CardRow(*row) for row in await connection.execute(_CARDS_FROM, {"at": at})]
