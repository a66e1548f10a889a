"""Decisions about accounts: what may be booked by hand, and what a tenant is told of its balance."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from services.billing.ledger import repository
from services.billing.ledger.errors import ReferenceTaken, WrongCurrency
from services.billing.rating import service as rating
from services.kernel import clock
from services.kernel.contracts import event_id

Transfer = repository.Transfer
MessageStep = Literal["reserve", "capture", "release", "expire", "late_capture"]

# The database holds the same pairs as a constraint; here they are what a step means.
ACCOUNTS: dict[MessageStep, tuple[str, str]] = {
    "reserve": ("wallet", "held"),
    "capture": ("held", "revenue"),
    "release": ("held", "wallet"),
    "expire": ("held", "wallet"),
    "late_capture": ("wallet", "revenue"),
}


class Balance(NamedTuple):
    """What a tenant has, what is set aside for messages on their way, and how far it may fall below zero."""

    wallet_micros: int
    held_micros: int
    credit_limit_micros: int
    currency: str


def transfer(step: MessageStep, *, tenant_id: UUID, message_id: UUID, amount_micros: int, currency: str) -> Transfer:
    """The one transfer that a step of a message's charge makes."""
    debit, credit = ACCOUNTS[step]
    return Transfer(tenant_id, uuid7(), step, debit, credit, currency, amount_micros, message_id)


async def lock_wallets(
    connection: AsyncConnection, tenant_ids: Sequence[UUID], currency: str
) -> dict[tuple[UUID, str], int]:
    """Lock these tenants' books until the commit; what each wallet can still pay, by (tenant, currency)."""
    wallets = await repository.lock_accounts(connection, sorted(tenant_ids), currency)
    return {(w.tenant_id, w.currency): w.balance_micros + w.credit_limit_micros for w in wallets}


async def book(connection: AsyncConnection, transfers: Sequence[Transfer], *, booked_at: datetime) -> None:
    """Append transfers in their order; the database moves the balances and refuses what must not be."""
    if transfers:
        await repository.insert_transfers(connection, transfers, booked_at)


async def top_up(
    connection: AsyncConnection, *, tenant_id: UUID, amount_micros: int, currency: str, reference: str
) -> tuple[UUID, Balance]:
    """Book money that came in, once per reference; the same reference with another amount is a conflict."""
    card = await rating.card_in_force(connection, clock.now())
    if currency != card.currency:
        raise WrongCurrency(f"prices are in {card.currency}: top up in {card.currency}")
    await lock_wallets(connection, [tenant_id], currency)
    await repository.insert_top_up(
        connection,
        tenant_id=tenant_id,
        transfer_id=event_id(tenant_id, f"top_up:{reference}"),
        amount_micros=amount_micros,
        currency=currency,
        reference=reference,
        booked_at=clock.now(),
    )
    booked = await repository.find_by_reference(connection, tenant_id, reference)
    if (booked.kind, booked.currency, booked.amount_micros) != ("top_up", currency, amount_micros):
        raise ReferenceTaken("this reference was booked with another amount: use a reference of its own")
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
