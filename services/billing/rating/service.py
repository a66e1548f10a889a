"""Decisions about prices: a rate card is data, and a price is a pure function of the card and a position."""

from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.rating import repository
from services.billing.rating.errors import MalformedCard, NoCard
from services.kernel.money import micros_from


class Tier(msgspec.Struct, frozen=True):
    """One step of the ladder: the price of positions up to and including `up_to` (None: without end)."""

    up_to: int | None
    unit_micros: int
    flat_micros: int


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """A graduated price list; messages of the categories in `free_in_window` cost nothing inside an open window."""

    version: int
    currency: str
    tiers: tuple[Tier, ...]
    free_in_window: frozenset[str]


async def card_in_force(connection: AsyncConnection, at: datetime) -> RateCard:
    """The newest card whose time has come."""
    row = await repository.find_card(connection, at)
    if row is None:
        raise NoCard(f"no rate card is in force at {at:%Y-%m-%d}")
    return read_card(row.version, row.card)


def read_card(version: int, document: dict[str, Any]) -> RateCard:
    """A card from its document {"currency", "mode", "tiers": [[up_to | null, "unit", "flat"?]], "free_in_window"}.

    Amounts are decimal strings in major units. The last tier has no end, or the messages after it would be free.
    """
    if document.get("mode") != "graduated":
        raise MalformedCard("mode: only graduated cards can price a message by its position")
    rows = document.get("tiers") or []
    tiers = tuple(_read_tier(number, row) for number, row in enumerate(rows, start=1))
    _check_order(tiers)
    return RateCard(
        version=version,
        currency=document["currency"],
        tiers=tiers,
        free_in_window=frozenset(document.get("free_in_window", ())),
    )


def _read_tier(number: int, row: list[Any]) -> Tier:
    match row:
        case [None | int() as up_to, str(unit), *rest] if not rest or (len(rest) == 1 and isinstance(rest[0], str)):
            flat = rest[0] if rest else "0"
        case _:
            raise MalformedCard(f'tier {number}: write [up_to | null, "unit"] or [up_to | null, "unit", "flat"]')
    try:
        return Tier(up_to, micros_from(Decimal(unit)), micros_from(Decimal(flat)))
    except (InvalidOperation, ValueError) as error:
        raise MalformedCard(f"tier {number}: {unit!r} or {flat!r} is no amount in decimal text") from error


def _check_order(tiers: tuple[Tier, ...]) -> None:
    if not tiers or tiers[-1].up_to is not None:
        raise MalformedCard(f"tier {len(tiers)}: the last tier must be without end (null)")
    below = 0
    for number, tier in enumerate(tiers, start=1):
        if tier.unit_micros < 0 or tier.flat_micros < 0:
            raise MalformedCard(f"tier {number}: a price is never negative")
        if number < len(tiers):
            if tier.up_to is None or tier.up_to <= below:
                raise MalformedCard(f"tier {number}: it must end above {below}")
            below = tier.up_to


def price_at(card: RateCard, position: int) -> int:
    """Micro-units for the message at a position (from 1) of the month; a tier's flat fee comes with its first."""
    below = 0
    for tier in card.tiers:
        if tier.up_to is None or position <= tier.up_to:
            return tier.unit_micros + (tier.flat_micros if position == below + 1 else 0)
        below = tier.up_to
    raise AssertionError("the last tier is without end")


def total_for(card: RateCard, quantity: int) -> int:
    """Micro-units for the first `quantity` messages of a month: the sum of their prices."""
    total, below = 0, 0
    for tier in card.tiers:
        if quantity <= below:
            break
        top = quantity if tier.up_to is None else min(quantity, tier.up_to)
        total += (top - below) * tier.unit_micros + tier.flat_micros
        below = top
    return total


def is_free(card: RateCard, *, category: str, is_in_window: bool) -> bool:
    """Whether the card gives messages of this category away inside an open window."""
    return is_in_window and category in card.free_in_window
