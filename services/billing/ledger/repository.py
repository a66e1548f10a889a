"""All SQL of the ledger slice."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("select * from lock_accounts(cast(:tenant_ids as uuid[]), :currency)")

_INSERT = text("""
    insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, message_id, booked_at)
    select new.tenant_id, new.id, new.kind, new.debit, new.credit, new.currency, new.amount_micros, new.message_id,
           :booked_at
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:kinds as text[]), cast(:debits as text[]),
                  cast(:credits as text[]), cast(:currencies as text[]), cast(:amounts as bigint[]),
                  cast(:message_ids as uuid[])) with ordinality
           as new (tenant_id, id, kind, debit, credit, currency, amount_micros, message_id, number)
     order by new.number
""")

_TOP_UP = text("""
    insert into transfers (tenant_id, id, kind, debit, credit, currency, amount_micros, reference, booked_at)
    values (:tenant_id, :id, 'top_up', 'cash_in', 'wallet', :currency, :amount_micros, :reference, :booked_at)
    on conflict (tenant_id, reference) where reference is not null do nothing
""")

_BY_REFERENCE = text("""
    select id, kind, currency, amount_micros from transfers where tenant_id = :tenant_id and reference = :reference
""")

_BALANCES = text("""
    select kind, balance_micros, credit_limit_micros from accounts
     where tenant_id = :tenant_id and currency = :currency
""")


class Transfer(NamedTuple):
    """Money of one message that moves from an account kind to another, of the same tenant."""

    tenant_id: UUID
    id: UUID
    kind: str
    debit: str
    credit: str
    currency: str
    amount_micros: int
    message_id: UUID


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


async def insert_transfers(connection: AsyncConnection, transfers: Sequence[Transfer], booked_at: datetime) -> None:
    columns = [list(column) for column in zip(*transfers, strict=True)]
    names = ("tenant_ids", "ids", "kinds", "debits", "credits", "currencies", "amounts", "message_ids")
    await connection.execute(_INSERT, {**dict(zip(names, columns, strict=True)), "booked_at": booked_at})


async def insert_top_up(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    transfer_id: UUID,
    amount_micros: int,
    currency: str,
    reference: str,
    booked_at: datetime,
) -> None:
    """Book a top-up unless its reference was booked before."""
    await connection.execute(
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


async def find_by_reference(connection: AsyncConnection, tenant_id: UUID, reference: str) -> Booked:
    row = (await connection.execute(_BY_REFERENCE, {"tenant_id": tenant_id, "reference": reference})).one()
    return Booked(*row)


async def list_accounts(connection: AsyncConnection, tenant_id: UUID, currency: str) -> list[AccountRow]:
    rows = await connection.execute(_BALANCES, {"tenant_id": tenant_id, "currency": currency})
    return [AccountRow(*row) for row in rows]
