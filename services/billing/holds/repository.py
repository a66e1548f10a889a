"""All SQL of the holds slice."""

from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = "tenant_id, id, currency, amount_micros, expires_at, state, ended_by, captured_micros"

_FIND = text(f"select {_COLUMNS} from holds where tenant_id = :tenant_id and id = :id")
_ENDED_BY = text(f"select {_COLUMNS} from holds where tenant_id = :tenant_id and ended_by = :id")
_OVERDUE = text(f"""
    select {_COLUMNS} from holds where state = 'open' and expires_at <= :at order by expires_at limit :count
""")
_OPEN = text("select open_hold(:tenant_id, :id, :amount_micros, :currency, :expires_at, :at)")
_END = text("select end_hold(:tenant_id, :id, :state, :ended_by, :captured_micros, :at)")

State = Literal["open", "captured", "voided", "expired"]


class Hold(NamedTuple):
    """An amount that is or was set aside; `ended_by` is the id of the capture or the void."""

    tenant_id: UUID
    id: UUID
    currency: str
    amount_micros: int
    expires_at: datetime | None
    state: State
    ended_by: UUID | None
    captured_micros: int


async def find(connection: AsyncConnection, tenant_id: UUID, hold_id: UUID) -> Hold | None:
    row = (await connection.execute(_FIND, {"tenant_id": tenant_id, "id": hold_id})).first()
    return None if row is None else Hold(*row)


async def find_ended_by(connection: AsyncConnection, tenant_id: UUID, end_id: UUID) -> Hold | None:
    """The hold that a capture or a void with this id ended."""
    row = (await connection.execute(_ENDED_BY, {"tenant_id": tenant_id, "id": end_id})).first()
    return None if row is None else Hold(*row)


async def find_overdue(connection: AsyncConnection, at: datetime, count: int) -> list[Hold]:
    return [Hold(*row) for row in await connection.execute(_OVERDUE, {"at": at, "count": count})]


async def insert(connection: AsyncConnection, hold: Hold, *, at: datetime) -> None:
    """Take the amount from the wallet; the database refuses what the wallet does not cover."""
    await connection.execute(
        _OPEN,
        {
            "tenant_id": hold.tenant_id,
            "id": hold.id,
            "amount_micros": hold.amount_micros,
            "currency": hold.currency,
            "expires_at": hold.expires_at,
            "at": at,
        },
    )


async def end(
    connection: AsyncConnection, hold: Hold, state: State, *, ended_by: UUID | None, captured_micros: int, at: datetime
) -> bool:
    """End an open hold: what was captured is earned, the rest goes back; False when it had ended."""
    values = {
        "tenant_id": hold.tenant_id,
        "id": hold.id,
        "state": state,
        "ended_by": ended_by,
        "captured_micros": captured_micros,
        "at": at,
    }
    return bool(await connection.scalar(_END, values))
