"""All SQL of the ledger slice."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("select * from lock_accounts(cast(:tenant_ids as uuid[]), :currency)")

_TOP_UP = text("""
    insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, reference, booked_at)
    values (:tenant_id, :id, 'top_up', 'cash_in', 'wallet', :currency, :amount_micros, :reference, :booked_at)
    on conflict (tenant_id, reference) where reference is not null do nothing
    returning id
""")

_BOOK = text("""
    insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, reference, corrects, booked_at)
    values (:tenant_id, :id, :kind, :debit, :credit, :currency, :amount_micros, :reference, :corrects, :booked_at)
""")

_BY_REFERENCE = text("""
    select id, kind, currency, amount_micros from transfers where tenant_id = :tenant_id and reference = :reference
""")

_BALANCES = text("""
    select kind, balance_micros, credit_limit_micros from accounts
     where tenant_id = :tenant_id and currency = :currency
""")


class Wallet(NamedTuple):
    """What a locked wallet holds, and how far it may fall below zero."""

    tenant_id: UUID
    currency: str
    balance_micros: int
    credit_limit_micros: int


class Booked(NamedTuple):
    """A transfer that was booked by hand."""

    id: UUID
    kind: str
    currency: str
    amount_micros: int


class AccountRow(NamedTuple):
    """One account as it stands."""

    kind: str
    balance_micros: int
    credit_limit_micros: int


async def lock_accounts(connection: AsyncConnection, tenant_ids: Sequence[UUID], currency: str) -> list[Wallet]:
    """Lock every account of these tenants in key order until the commit; accounts that are missing are opened."""
    rows = await connection.execute(_LOCK, {"tenant_ids": tenant_ids, "currency": currency})
    return [Wallet(*row) for row in rows]


async def insert_top_up(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    transfer_id: UUID,
    amount_micros: int,
    currency: str,
    reference: str,
    booked_at: datetime,
) -> bool:
    """Book a top-up unless its reference was booked before; whether it is new."""
    rows = await connection.execute(
        _TOP_UP,
        {
            "tenant_id": tenant_id,
            "id": transfer_id,
            "amount_micros": amount_micros,
            "currency": currency,
            "reference": reference,
            "booked_at": booked_at,
        },
    )
    return rows.first() is not None


async def insert(connection: AsyncConnection, values: Mapping[str, object]) -> None:
    """Book a transfer by hand; the database refuses what must not be."""
    await connection.execute(_BOOK, values)


async def find_by_reference(connection: AsyncConnection, tenant_id: UUID, reference: str) -> Booked:
    row = (await connection.execute(_BY_REFERENCE, {"tenant_id": tenant_id, "reference": reference})).one()
    return Booked(*row)


async def list_accounts(connection: AsyncConnection, tenant_id: UUID, currency: str) -> list[AccountRow]:
    rows = await connection.execute(_BALANCES, {"tenant_id": tenant_id, "currency": currency})
    return [AccountRow(*row) for row in rows]
