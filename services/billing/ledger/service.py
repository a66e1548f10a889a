"""Decisions about accounts: what may be booked by hand, and what a tenant is told of its balance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.ledger import repository
from services.billing.ledger.errors import ReferenceTaken, TooMuch, WrongCurrency
from services.billing.rating import service as rating
from services.kernel import clock
from services.kernel.contracts import event_id
from services.kernel.contracts.charges import MoneyBooked
from services.kernel.errors import sqlstate_of
from services.kernel.kafka import outbox

OUT_OF_RANGE = "22003"  # numeric_value_out_of_range: PostgreSQL, appendix A


class Balance(NamedTuple):
    """What a tenant has, what is set aside for messages on their way, and how far it may fall below zero."""

    wallet_micros: int
    held_micros: int
    credit_limit_micros: int
    currency: str


class Booking(NamedTuple):
    """A transfer that no message explains; `transfer_id` is the booking's own id, or its hold's."""

    tenant_id: UUID
    transfer_id: UUID
    kind: Literal["top_up", "adjustment", "hold", "hold_capture", "hold_return"]
    debit: str
    credit: str
    amount_micros: int
    currency: str
    corrects: UUID | None = None


async def tell(connection: AsyncConnection, bookings: Sequence[Booking], *, booked_at: datetime) -> None:
    """Publish transfers that were booked just now, with the transaction: with them a replay has every transfer."""
    facts = [
        MoneyBooked(id=event_id(booking.transfer_id, booking.kind), occurred_at=booked_at, **booking._asdict())
        for booking in bookings
    ]
    await outbox.add(connection, facts)


async def book_again(connection: AsyncConnection, fact: MoneyBooked) -> None:
    """For a replay: the same booking by hand; its reference was never told, so its id stands for it."""
    values = {name: getattr(fact, name) for name in ("tenant_id", "kind", "debit", "credit", "currency", "corrects")}
    values |= {"id": fact.transfer_id, "reference": str(fact.transfer_id)}
    values |= {"amount_micros": fact.amount_micros, "booked_at": fact.occurred_at}
    await repository.insert(connection, values)


async def lock_wallets(
    connection: AsyncConnection, tenant_ids: Sequence[UUID], currency: str
) -> dict[tuple[UUID, str], int]:
    """Lock these tenants' books until the commit; what each wallet can still pay, by (tenant, currency)."""
    wallets = await repository.lock_accounts(connection, sorted(tenant_ids), currency)
    return {(w.tenant_id, w.currency): w.balance_micros + w.credit_limit_micros for w in wallets}


async def top_up(
    connection: AsyncConnection, *, tenant_id: UUID, amount_micros: int, currency: str, reference: str
) -> tuple[UUID, Balance]:
    """Book money that came in, once per reference; the same reference with another amount is a conflict."""
    card = await rating.card_in_force(connection, clock.now())
    if currency != card.currency:
        raise WrongCurrency(f"currency: prices are in {card.currency}: top up in {card.currency}")
    await lock_wallets(connection, [tenant_id], currency)
    at, transfer_id = clock.now(), event_id(tenant_id, f"top_up:{reference}")
    try:
        is_new = await repository.insert_top_up(
            connection,
            tenant_id=tenant_id,
            transfer_id=transfer_id,
            amount_micros=amount_micros,
            currency=currency,
            reference=reference,
            booked_at=at,
        )
    except DBAPIError as error:
        if sqlstate_of(error) != OUT_OF_RANGE:
            raise
        raise TooMuch("amount: with what came in before it is more than an account can hold") from error
    if is_new:
        booking = Booking(tenant_id, transfer_id, "top_up", "cash_in", "wallet", amount_micros, currency)
        await tell(connection, [booking], booked_at=at)
    booked = await repository.find_by_reference(connection, tenant_id, reference)
    if (booked.kind, booked.currency, booked.amount_micros) != ("top_up", currency, amount_micros):
        raise ReferenceTaken("reference: it was booked with another amount: use a reference of its own")
    return booked.id, await get_balance(connection, tenant_id)


async def get_balance(connection: AsyncConnection, tenant_id: UUID) -> Balance:
    """The balance in the currency of the card in force; zeros before the first money."""
    card = await rating.card_in_force(connection, clock.now())
    accounts = {row.kind: row for row in await repository.list_accounts(connection, tenant_id, card.currency)}
    wallet, held = accounts.get("wallet"), accounts.get("held")
    return Balance(
        wallet_micros=wallet.balance_micros if wallet else 0,
        held_micros=held.balance_micros if held else 0,
        credit_limit_micros=wallet.credit_limit_micros if wallet else 0,
        currency=card.currency,
    )
