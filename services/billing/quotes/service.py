"""Decisions about quotes: the price that the reserve would take now, by the same functions, and nothing is kept."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.ledger import service as ledger
from services.billing.rating import service as rating
from services.billing.reservations import pricing
from services.billing.reservations.pricing import Payer
from services.billing.usage import service as usage
from services.kernel import clock


class Quote(NamedTuple):
    """What a message would cost: a free one has no `position` and `tier`; `reason` says why it is not covered."""

    price_micros: int
    currency: str
    is_free: bool
    position: int | None
    month: date
    rate_card_version: int
    tier: int | None
    is_covered: bool
    reason: str | None


async def quote(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    payer: Payer | None,
    kind: str | None,
    category: str,
    is_in_window: bool,
    is_in_entry_point: bool,
    max_price_micros: int | None,
) -> Quote:
    """The price of one more message of this tenant; the next message may take the same position first."""
    month = pricing.month_of(clock.now(), payer and payer.zone)
    ladder = await usage.ladder_of(connection, tenant_id, month)
    balance = await ledger.get_balance(connection, tenant_id)
    is_test = payer is not None and payer.is_test
    is_free = pricing.costs_nothing(kind, is_test=is_test) or rating.is_free(
        ladder.card, category=category, is_in_window=is_in_window, is_in_entry_point=is_in_entry_point
    )
    price = 0 if is_free else ladder.next_price_micros
    reason = pricing.why_not(
        price,
        payable_micros=balance.wallet_micros + balance.credit_limit_micros,
        max_price_micros=max_price_micros,
    )
    return Quote(
        price_micros=price,
        currency=ladder.card.currency,
        is_free=is_free,
        position=None if is_free else ladder.position + 1,
        month=month,
        rate_card_version=ladder.card.version,
        tier=None if is_free else ladder.step.number,
        is_covered=reason is None,
        reason=reason,
    )
