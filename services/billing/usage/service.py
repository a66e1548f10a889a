"""Usage as tenants read it: months of their billing zone, and how far the present one is on the ladder."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.rating import service as rating
from services.billing.rating.service import RateCard, Step
from services.billing.reservations.pricing import DEFAULT_ZONE, Payer, month_of
from services.billing.usage import repository
from services.billing.usage.errors import BadMonths
from services.kernel import clock

Counted = repository.Counted

MONTHS_DEFAULT = 3
MONTHS_MAX = 24


class Ladder(NamedTuple):
    """Where the present month is: positions taken, the step of the next paid message, and what that one costs."""

    position: int
    card: RateCard
    step: Step
    next_price_micros: int


class Month(NamedTuple):
    month: date
    position: int
    counted: Sequence[Counted]


class Usage(NamedTuple):
    """Months, the latest first; the present one is there also when nothing was sent in it."""

    zone: str
    months: Sequence[Month]
    present: date
    ladder: Ladder


async def read(
    connection: AsyncConnection, tenant_id: UUID, payer: Payer | None, *, first: date | None, last: date | None
) -> Usage:
    """A tenant's months; without a range the last MONTHS_DEFAULT. Raises BadMonths."""
    zone = payer.zone if payer else DEFAULT_ZONE
    present = month_of(clock.now(), zone)
    first, last = _range_of(first, last, present)
    counted = await repository.list_months(connection, tenant_id, first, last)
    months = sorted({row.month for row in counted} | ({present} if first <= present <= last else set()), reverse=True)
    return Usage(
        zone=zone,
        months=[_month(month, [row for row in counted if row.month == month]) for month in months],
        present=present,
        ladder=await ladder_of(connection, tenant_id, present),
    )


async def ladder_of(connection: AsyncConnection, tenant_id: UUID, month: date) -> Ladder:
    """How far a month's ladder is climbed, by the card in force now."""
    card = await rating.card_in_force(connection, clock.now())
    position = await repository.find_position(connection, tenant_id, month)
    return Ladder(position, card, rating.step_at(card, position + 1), rating.price_at(card, position + 1))


def _month(month: date, counted: Sequence[Counted]) -> Month:
    position = sum(row.held + row.charged + row.returned for row in counted if not row.is_free)
    return Month(month, position, counted)


def _range_of(first: date | None, last: date | None, present: date) -> tuple[date, date]:
    last = last or (max(present, first) if first else present)
    first = first or _months_before(last, MONTHS_DEFAULT - 1)
    if first > last:
        raise BadMonths("from: it must not be after to")
    if first < _months_before(last, MONTHS_MAX - 1):
        raise BadMonths(f"from and to are more than {MONTHS_MAX} months apart: ask for less at a time")
    return first, last


def _months_before(month: date, count: int) -> date:
    number = max(month.year * 12 + month.month - 1 - count, 12)
    return date(number // 12, number % 12 + 1, 1)
