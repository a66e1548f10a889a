"""All SQL of the reservations slice (hot path): charges move in the database's own procedures, a batch at a time."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Key = tuple[UUID, UUID]  # tenant, message

_OPEN = text("""
    select * from open_books(cast(:tenants as uuid[]), cast(:months as date[]), :currency,
                             cast(:owners as uuid[]), cast(:messages as uuid[]))
""")

_RESERVE = text("""
    select reserve_charges(
           cast(:owners as uuid[]), cast(:messages as uuid[]), cast(:categories as text[]), cast(:reasons as text[]),
           cast(:prices as bigint[]), cast(:months as date[]), cast(:positions as bigint[]),
           cast(:ends as timestamptz[]), :currency, :card, :at)
""")

_END = text("""
    select * from end_charges(
           cast(:owners as uuid[]), cast(:messages as uuid[]), cast(:outcomes as text[]), cast(:causes as uuid[]),
           :currency, :at)
""")

_CLOSE = text("""
    select close_charges(cast(:owners as uuid[]), cast(:messages as uuid[]), cast(:outcomes as text[]), :at)
""")

_FIND = text("""
    select r.tenant_id, r.message_id, r.state, r.decided_at, r.reason, r.category, r.price_micros, r.currency,
           r.rate_card_version, r.is_free, r.month, r.position, r.hold_expires_at,
           r.captured_at, r.capture_cause, r.returned_at, r.return_cause, r.return_reason
      from unnest(cast(:owners as uuid[]), cast(:messages as uuid[]))
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

_FORGET_EARLY = text("""
    delete from early_reports where ctid = any (array(
        select ctid from early_reports where noted_at < :before order by noted_at limit :count))
""")


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


class Moved(NamedTuple):
    """A reservation that a record of a batch (`number`, from 1) moved to its end, now or when it came before.

    Where nobody has decided about the message yet, `is_capture` is None.
    """

    number: int
    is_capture: bool | None
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
        "tenants": [tenant_id for tenant_id, _ in months],
        "months": [month for _, month in months],
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
        "categories": [row.category for row in made],
        "reasons": [row.reason for row in made],
        "prices": [row.price_micros for row in made],
        "months": [row.month for row in made],
        "positions": [row.position for row in made],
        "ends": [row.hold_expires_at for row in made],
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
) -> list[Moved]:
    """Capture and give back; which reservations these causes moved. `currency` is that of accounts to be opened."""
    values = {**_keys(keys), "outcomes": outcomes, "causes": causes, "currency": currency, "at": at}
    return [Moved(*row) for row in await connection.execute(_END, values)]


async def close(connection: AsyncConnection, keys: Sequence[Key], outcomes: Sequence[str], *, at: datetime) -> None:
    """Remember ends that came before any decision; their tenants must be locked."""
    await connection.execute(_CLOSE, {**_keys(keys), "outcomes": outcomes, "at": at})


async def find(connection: AsyncConnection, keys: Sequence[Key]) -> list[Reservation]:
    return [Reservation(*row) for row in await connection.execute(_FIND, _keys(keys))]


async def find_overdue(connection: AsyncConnection, at: datetime, count: int) -> list[Key]:
    """Holds whose end has come since the last sweep, the oldest first."""
    rows = await connection.execute(_OVERDUE, {"at": at, "count": count})
    return [(row.tenant_id, row.message_id) for row in rows]


async def note_sweep(connection: AsyncConnection, at: datetime) -> None:
    """Remember that no hold is left that ended by then."""
    await connection.execute(_SWEPT, {"at": at})


async def forget_early(connection: AsyncConnection, before: datetime, count: int) -> int:
    """At most `count` of them; how many."""
    return (await connection.execute(_FORGET_EARLY, {"before": before, "count": count})).rowcount


def _keys(keys: Sequence[Key]) -> dict[str, object]:
    return {"owners": [key[0] for key in keys], "messages": [key[1] for key in keys]}
