"""All SQL of the reservations slice (hot path): charges move in the database's own procedures, a batch at a time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.arrays import integers, texts, uuids

Key = tuple[UUID, UUID]  # tenant, message

_OPEN = text("""
    select * from open_books(cast(cast(:tenants as text) as uuid[]), cast(cast(:months as text) as date[]), :currency,
                             cast(cast(:owners as text) as uuid[]), cast(cast(:messages as text) as uuid[]))
""")

_RESERVE = text("""
    select reserve_charges(
           cast(cast(:owners as text) as uuid[]), cast(cast(:messages as text) as uuid[]),
           cast(cast(:categories as text) as text[]), cast(cast(:reasons as text) as text[]),
           cast(cast(:prices as text) as bigint[]), cast(cast(:months as text) as date[]),
           cast(cast(:positions as text) as bigint[]), cast(cast(:ends as text) as timestamptz[]),
           :currency, :card, :at)
""")

_END = text("""
    select * from end_charges(
           cast(cast(:owners as text) as uuid[]), cast(cast(:messages as text) as uuid[]),
           cast(cast(:outcomes as text) as text[]), cast(cast(:causes as text) as uuid[]), :currency, :at)
""")

_FIND = text("""
    select r.tenant_id, r.message_id, r.state, r.decided_at, r.reason, r.category, r.price_micros, r.currency,
           r.rate_card_version, r.is_free, r.month, r.position, r.hold_expires_at,
           r.captured_at, r.capture_cause, r.returned_at, r.return_cause, r.return_reason
      from unnest(cast(cast(:owners as text) as uuid[]), cast(cast(:messages as text) as uuid[]))
           as wanted (tenant_id, message_id)
      join reservations r using (tenant_id, message_id)
""")

# Every hold ends later than an hour after it is made, so behind the last sweep none can appear.
_OVERDUE = text("""
    select r.tenant_id, r.message_id from hold_sweeps s, reservations r
     where r.hold_expires_at > s.swept_until and r.hold_expires_at <= :at and r.state = 'reserved'
     order by r.hold_expires_at
     limit :count
""")

_SWEPT = text("update hold_sweeps set swept_until = greatest(swept_until, :at)")


class Purse(NamedTuple):
    """A locked tenant: what it can pay, the last position it has taken in the month, what was heard of its messages."""

    tenant_id: UUID
    payable_micros: int
    position: int
    known: list[UUID] | None
    early: list[UUID] | None


class Reservation(msgspec.Struct):
    """What was decided about the money of one message; its terms are null where nothing was reserved."""

    tenant_id: UUID
    message_id: UUID
    state: str
    decided_at: datetime
    reason: str | None = None
    category: str | None = None
    price_micros: int | None = None
    currency: str | None = None
    rate_card_version: int | None = None
    is_free: bool | None = None
    month: date | None = None
    position: int | None = None
    hold_expires_at: datetime | None = None
    captured_at: datetime | None = None
    capture_cause: UUID | None = None
    returned_at: datetime | None = None
    return_cause: UUID | None = None
    return_reason: str | None = None


class Ended(NamedTuple):
    """A reservation that a record of a batch (`number`, from 1) moved to its end, now or when it came before."""

    number: int
    is_capture: bool
    is_new: bool
    price_micros: int
    currency: str
    captured_at: datetime | None
    returned_at: datetime | None
    return_reason: str | None


async def open_books(
    connection: AsyncConnection, months: Sequence[tuple[UUID, date]], currency: str, keys: Sequence[Key]
) -> list[Purse]:
    """Lock these tenants until the commit; accounts that are missing are opened."""
    values = {
        "tenants": uuids(tenant_id for tenant_id, _ in months),
        "months": texts(month.isoformat() for _, month in months),
        "currency": currency,
        **_keys(keys),
    }
    return [Purse(*row) for row in await connection.execute(_OPEN, values)]


async def reserve(
    connection: AsyncConnection, made: Sequence[Reservation], *, currency: str, card: int, at: datetime
) -> None:
    """Write decisions and, for those with a price, take it from the wallets; their tenants must be locked."""
    values = {
        **_keys([(row.tenant_id, row.message_id) for row in made]),
        "categories": texts([row.category for row in made]),
        "reasons": texts([row.reason for row in made]),
        "prices": integers([row.price_micros for row in made]),
        "months": texts([None if row.month is None else row.month.isoformat() for row in made]),
        "positions": integers([row.position for row in made]),
        "ends": texts([None if row.hold_expires_at is None else row.hold_expires_at.isoformat() for row in made]),
        "currency": currency,
        "card": card,
        "at": at,
    }
    await connection.execute(_RESERVE, values)


async def end(
    connection: AsyncConnection,
    keys: Sequence[Key],
    outcomes: Sequence[str],
    causes: Sequence[UUID],
    *,
    currency: str,
    at: datetime,
) -> list[Ended]:
    """Capture and give back; which reservations these causes moved. `currency` is that of accounts to be opened."""
    values = {**_keys(keys), "outcomes": texts(outcomes), "causes": uuids(causes), "currency": currency, "at": at}
    return [Ended(*row) for row in await connection.execute(_END, values)]


async def find(connection: AsyncConnection, keys: Sequence[Key]) -> list[Reservation]:
    return [Reservation(*row) for row in await connection.execute(_FIND, _keys(keys))]


async def find_overdue(connection: AsyncConnection, at: datetime, count: int) -> list[Key]:
    """Holds whose end has come since the last sweep, the oldest first."""
    rows = await connection.execute(_OVERDUE, {"at": at, "count": count})
    return [(row.tenant_id, row.message_id) for row in rows]


async def note_sweep(connection: AsyncConnection, at: datetime) -> None:
    """Remember that no hold is left that ended by then."""
    await connection.execute(_SWEPT, {"at": at})


def _keys(keys: Sequence[Key]) -> dict[str, object]:
    return {"owners": uuids([key[0] for key in keys]), "messages": uuids([key[1] for key in keys])}
