"""Decisions about money that came in: one person books up to a limit, above it a second one approves."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.ledger import service as ledger
from services.billing.ledger.errors import WrongCurrency
from services.billing.ledger.service import Balance
from services.billing.payments import repository
from services.billing.rating import service as rating
from services.kernel import clock
from services.kernel.approvals import service as approvals
from services.kernel.approvals.service import Approval
from services.kernel.money import MICROS

KIND = "top_up"
# Units of the wallet's currency that one person may book: what a slip of the hand may cost before anybody looks.
ALONE_MAX = 100_000


class Booked(NamedTuple):
    """A payment in the books, and the balance after it."""

    transfer_id: UUID
    balance: Balance


async def receive(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    amount_micros: int,
    currency: str,
    reference: str,
    reason: str | None,
    received_by: str,
) -> Booked | Approval:
    """Book a payment, or ask a second person to; a repeat with the same reference answers the same.

    Raises WrongCurrency, ReferenceTaken, AskedDifferently.
    """
    is_for_one = amount_micros <= ALONE_MAX * MICROS
    if is_for_one or await repository.is_booked(connection, tenant_id, reference):
        booked = await ledger.top_up(
            connection, tenant_id=tenant_id, amount_micros=amount_micros, currency=currency, reference=reference
        )
        return Booked(*booked)
    card = await rating.card_in_force(connection, clock.now())
    if currency != card.currency:
        raise WrongCurrency(f"currency: prices are in {card.currency}: top up in {card.currency}")
    return await approvals.request(
        connection,
        kind=KIND,
        key=f"{tenant_id}:{reference}",
        tenant_id=tenant_id,
        payload={"amount_micros": amount_micros, "currency": currency, "reference": reference},
        reason=reason or f"payment {reference}",
        requested_by=received_by,
    )


async def book(connection: AsyncConnection, approval: Approval) -> dict[str, Any]:
    """The act: the payment that was approved. Raises ReferenceTaken when the reference was booked meanwhile."""
    assert approval.tenant_id is not None
    transfer_id, _ = await ledger.top_up(connection, tenant_id=approval.tenant_id, **approval.payload)
    return {"transfer_id": str(transfer_id)}
