"""Decisions about prices: a rate card is data, and a price is a pure function of the card and a position.

A message is priced once, when its money is set aside, by its position among the month's paid messages. On a volume card
it costs what the tier of its own position says: messages that were priced before are never priced again, so a volume
card that is in force has no flat fees, and only the rating command computes the classical volume total.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.billing.rating import documents, ladder, repository
from services.billing.rating.errors import NoCard
from services.kernel import clock

Tier = ladder.Tier
Mode = ladder.Mode

# Cards are only ever added, with more notice than this (cards/service), so a remembered shelf is never wrong.
REMEMBERED = timedelta(seconds=5)


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """A price list. Messages of the categories in `free_in_window` cost nothing inside an open window, those in
    `free_in_entry_point` nothing inside a free entry point.
    """

    version: int
    currency: str
    tiers: tuple[Tier, ...]
    free_in_window: frozenset[str]
    free_in_entry_point: frozenset[str] = frozenset()
    mode: Mode = "graduated"


class Step(NamedTuple):
    """Where on the ladder a position is: the number of its tier (from 1), what that costs, and what comes next."""

    number: int
    tier: Tier
    next_position: int | None  # the first position of the next tier
    next_unit_micros: int | None


class _Shelf(NamedTuple):
    read_at: datetime
    cards: tuple[tuple[datetime, RateCard], ...]  # by the time from which they are in force


_shelves: WeakKeyDictionary[AsyncEngine, _Shelf] = WeakKeyDictionary()


async def card_in_force(connection: AsyncConnection, at: datetime) -> RateCard:
    """The newest card whose time has come; asks the database at most once in REMEMBERED. Raises NoCard."""
    now, shelf = clock.now(), _shelves.get(connection.engine)
    if shelf is None or not timedelta(0) <= now - shelf.read_at < REMEMBERED or at < shelf.cards[0][0]:
        shelf = _Shelf(now, await _read_from(connection, at))
        _shelves[connection.engine] = shelf
    return next(card for effective_from, card in reversed(shelf.cards) if effective_from <= at)


async def _read_from(connection: AsyncConnection, at: datetime) -> tuple[tuple[datetime, RateCard], ...]:
    rows = await repository.list_from(connection, at)
    if not rows:
        raise NoCard(f"no rate card is in force at {at:%Y-%m-%d}")
    return tuple((row.effective_from, read_card(row.version, row.card)) for row in rows)


def read_card(version: int, document: dict[str, Any]) -> RateCard:
    """A stored card; raises MalformedCard. Cards of the first days have rows without a flat fee."""
    rows = document.get("tiers")
    if isinstance(rows, list):
        rows = [[*row, "0"] if isinstance(row, list) and len(row) == 2 else row for row in rows]
    return RateCard(version=version, **documents.read({**document, "tiers": rows})._asdict())


def price_at(card: RateCard, position: int) -> int:
    """Micro-units for the message at a position (from 1) of the month; a tier's flat fee comes with its first."""
    below = 0
    for tier in card.tiers:
        if tier.up_to is None or position <= tier.up_to:
            return tier.unit_micros + (tier.flat_micros if position == below + 1 else 0)
        below = tier.up_to
    raise AssertionError("the last tier is without end")


def step_at(card: RateCard, position: int) -> Step:
    """The tier of a position (from 1)."""
    index = ladder.index_at(card.tiers, position * ladder.MILLIONTHS)
    tier = card.tiers[index]
    if tier.up_to is None:
        return Step(index + 1, tier, None, None)
    return Step(index + 1, tier, tier.up_to + 1, card.tiers[index + 1].unit_micros)


def is_free(card: RateCard, *, category: str, is_in_window: bool, is_in_entry_point: bool = False) -> bool:
    """Whether the card gives messages of this category away inside an open window, or a free entry point."""
    return (is_in_window and category in card.free_in_window) or (
        is_in_entry_point and category in card.free_in_entry_point
    )
