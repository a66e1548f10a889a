"""All SQL of the reservations slice (hot path)."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Key = tuple[UUID, UUID]  # tenant, message

# `unnest` is joined by lateral index probes: the planner cannot know how few keys a batch has.
_FIND = text("""
    select r.tenant_id, r.message_id, r.state, r.decided_at, r.reason, r.price_micros, r.currency,
           r.rate_card_version, r.is_free, r.month, r.position, r.hold_expires_at,
           r.captured_at, r.capture_cause, r.returned_at, r.return_cause, r.return_reason
      from unnest(cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[])) as wanted (tenant_id, message_id)
      join reservations r using (tenant_id, message_id)
""")

_FIND_EARLY = text("""
    select e.tenant_id, e.message_id
      from unnest(cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[])) as wanted (tenant_id, message_id)
      join early_reports e using (tenant_id, message_id)
""")

_INSERT_EARLY = text("""
    insert into early_reports (tenant_id, message_id)
    select * from unnest(cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[]))
    on conflict do nothing
""")

_POSITIONS = text("""
    select wanted.tenant_id,
           coalesce((select r.position from reservations r
                      where r.tenant_id = wanted.tenant_id and r.month = wanted.month and r.position is not null
                      order by r.position desc limit 1), 0) as position
      from unnest(cast(:tenant_ids as uuid[]), cast(:months as date[])) as wanted (tenant_id, month)
""")

_INSERT = text("""
    insert into reservations (
           tenant_id, message_id, state, decided_at, reason, price_micros, currency, rate_card_version, is_free,
           month, position, hold_expires_at, captured_at, capture_cause, returned_at, return_cause, return_reason)
    select * from unnest(
           cast(:tenant_id as uuid[]), cast(:message_id as uuid[]), cast(:state as text[]),
           cast(:decided_at as timestamptz[]), cast(:reason as text[]), cast(:price_micros as bigint[]),
           cast(:currency as text[]), cast(:rate_card_version as integer[]), cast(:is_free as boolean[]),
           cast(:month as date[]), cast(:position as bigint[]), cast(:hold_expires_at as timestamptz[]),
           cast(:captured_at as timestamptz[]), cast(:capture_cause as uuid[]), cast(:returned_at as timestamptz[]),
           cast(:return_cause as uuid[]), cast(:return_reason as text[]))
""")

# The accounts of these tenants are locked, and every writer of reservations holds that lock: no row lock is needed.
_UPDATE = text("""
    update reservations r
       set state = new.state, captured_at = new.captured_at, capture_cause = new.capture_cause,
           returned_at = new.returned_at, return_cause = new.return_cause, return_reason = new.return_reason
      from unnest(cast(:tenant_id as uuid[]), cast(:message_id as uuid[]), cast(:state as text[]),
                  cast(:captured_at as timestamptz[]), cast(:capture_cause as uuid[]),
                  cast(:returned_at as timestamptz[]), cast(:return_cause as uuid[]), cast(:return_reason as text[]))
           as new (tenant_id, message_id, state, captured_at, capture_cause, returned_at, return_cause, return_reason)
     where r.tenant_id = new.tenant_id and r.message_id = new.message_id
""")

_OVERDUE = text("""
    select tenant_id, message_id from reservations
     where state = 'reserved' and hold_expires_at <= :at
     order by hold_expires_at
     limit :count
""")

_UPDATED = (
    "tenant_id",
    "message_id",
    "state",
    "captured_at",
    "capture_cause",
    "returned_at",
    "return_cause",
    "return_reason",
)


class Reservation(msgspec.Struct):
    """What was decided about the money of one message; its terms are null where nothing was reserved."""

    tenant_id: UUID
    message_id: UUID
    state: str
    decided_at: datetime
    reason: str | None = None
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

    @property
    def key(self) -> Key:
        return self.tenant_id, self.message_id


async def find(connection: AsyncConnection, keys: Sequence[Key]) -> list[Reservation]:
    rows = await connection.execute(_FIND, _keys(keys))
    return [Reservation(*row) for row in rows]


async def find_early(connection: AsyncConnection, keys: Sequence[Key]) -> set[Key]:
    """Which of these messages were reported as reached before anything was decided about them."""
    rows = await connection.execute(_FIND_EARLY, _keys(keys))
    return {(row.tenant_id, row.message_id) for row in rows}


async def insert_early(connection: AsyncConnection, keys: Sequence[Key]) -> None:
    if keys:
        await connection.execute(_INSERT_EARLY, _keys(sorted(keys)))


async def find_positions(connection: AsyncConnection, months: dict[UUID, date]) -> dict[UUID, int]:
    """The last position that each tenant has taken in its month; the tenants must be locked."""
    wanted = {"tenant_ids": list(months), "months": list(months.values())}
    rows = await connection.execute(_POSITIONS, wanted)
    return {row.tenant_id: row.position for row in rows}


async def insert(connection: AsyncConnection, reservations: Sequence[Reservation]) -> None:
    if reservations:
        await connection.execute(_INSERT, _columns(reservations, Reservation.__struct_fields__))


async def update(connection: AsyncConnection, reservations: Sequence[Reservation]) -> None:
    """Write the states; the terms of a reservation are never changed."""
    if reservations:
        await connection.execute(_UPDATE, _columns(reservations, _UPDATED))


async def find_overdue(connection: AsyncConnection, at: datetime, count: int) -> list[Key]:
    """Holds whose end has come, the oldest first."""
    rows = await connection.execute(_OVERDUE, {"at": at, "count": count})
    return [(row.tenant_id, row.message_id) for row in rows]


def _keys(keys: Sequence[Key]) -> dict[str, list[UUID]]:
    return {"tenant_ids": [tenant_id for tenant_id, _ in keys], "message_ids": [message_id for _, message_id in keys]}


def _columns(rows: Sequence[Reservation], names: Sequence[str]) -> dict[str, list[object]]:
    return {name: [getattr(row, name) for row in rows] for name in names}
