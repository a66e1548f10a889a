"""Decisions about holds: every act has an id, and its repeat is answered by what was decided (after TigerBeetle)."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.holds import repository
from services.billing.holds.repository import Hold
from services.billing.ledger import service as ledger
from services.kernel import clock

OVERDUE_BATCH_MAX = 500

Answer = Literal[
    "created",
    "exists",
    "exists_with_different_amount",
    "exists_with_different_hold",
    "exists_with_different_fields",
    "not_found",
    "no_balance",
    "exceeds",
    "different_amount",
    "already_posted",
    "already_voided",
    "expired",
]
ENDED: dict[str, Answer] = {"captured": "already_posted", "voided": "already_voided", "expired": "expired"}


async def open_hold(
    connection: AsyncConnection,
    *,
    tenant_id: UUID,
    hold_id: UUID,
    amount_micros: int,
    currency: str,
    timeout: timedelta | None = None,
) -> Answer:
    """Set an amount (micro-units, above zero) aside; without a time-out it is held until it is ended.

    A refusal for want of money leaves no trace: the same id may try again.
    """
    at = clock.now()
    payable = await _lock(connection, tenant_id, currency)
    expires_at = None if timeout is None else at + timeout
    wanted = Hold(tenant_id, hold_id, currency, amount_micros, expires_at, "open", None, 0)
    if (known := await repository.find(connection, tenant_id, hold_id)) is not None:
        return _compare(known, wanted)
    if amount_micros > payable:
        return "no_balance"
    await repository.insert(connection, wanted, at=at)
    await _tell(connection, wanted, [("hold", "wallet", "held", amount_micros)], at)
    return "created"


def _compare(known: Hold, wanted: Hold) -> Answer:
    if known.amount_micros != wanted.amount_micros:
        return "exists_with_different_amount"
    if (known.currency, known.expires_at is None) != (wanted.currency, wanted.expires_at is None):
        return "exists_with_different_fields"
    return "exists"


async def capture(
    connection: AsyncConnection, *, tenant_id: UUID, capture_id: UUID, hold_id: UUID, amount_micros: int | None = None
) -> Answer:
    """Earn an amount of the hold, or all of it (None); the rest goes back to the wallet at once."""
    hold = await _find(connection, tenant_id, hold_id)
    if (done := await repository.find_ended_by(connection, tenant_id, capture_id)) is not None:
        return _compare_end(done, hold_id, "captured", amount_micros)
    if hold is None:
        return "not_found"
    wanted = hold.amount_micros if amount_micros is None else amount_micros
    if wanted > hold.amount_micros:
        return "exceeds"
    return await _end(connection, hold, "captured", capture_id, wanted)


async def void(
    connection: AsyncConnection, *, tenant_id: UUID, void_id: UUID, hold_id: UUID, amount_micros: int | None = None
) -> Answer:
    """Give the whole hold back; an amount, when it is named, must be the hold's."""
    hold = await _find(connection, tenant_id, hold_id)
    if (done := await repository.find_ended_by(connection, tenant_id, void_id)) is not None:
        return _compare_end(done, hold_id, "voided", None if amount_micros == done.amount_micros else amount_micros)
    if hold is None:
        return "not_found"
    if amount_micros is not None and amount_micros != hold.amount_micros:
        return "exceeds" if amount_micros > hold.amount_micros else "different_amount"
    return await _end(connection, hold, "voided", void_id, 0)


def _compare_end(done: Hold, hold_id: UUID, state: str, amount_micros: int | None) -> Answer:
    if done.id != hold_id:
        return "exists_with_different_hold"
    if done.state != state:
        return "exists_with_different_fields"
    if amount_micros is None or amount_micros == done.captured_micros:
        return "exists"
    return "exists_with_different_amount"


async def hold_again(
    connection: AsyncConnection, *, tenant_id: UUID, hold_id: UUID, amount_micros: int, currency: str, at: datetime
) -> None:
    """For a replay: the same hold, at that moment."""
    hold = Hold(tenant_id, hold_id, currency, amount_micros, None, "open", None, 0)
    await repository.insert(connection, hold, at=at)


async def end_again(
    connection: AsyncConnection, *, tenant_id: UUID, hold_id: UUID, captured_micros: int, at: datetime
) -> None:
    """For a replay: so much of the hold is earned and the rest goes back, at that moment."""
    hold = Hold(tenant_id, hold_id, "", 0, None, "open", None, 0)
    state: Literal["captured", "voided"] = "captured" if captured_micros else "voided"
    await repository.end(connection, hold, state, ended_by=hold_id, captured_micros=captured_micros, at=at)


async def expire(connection: AsyncConnection) -> int:
    """Give back holds whose time is over, a batch of them at most; how many were looked at."""
    at = clock.now()
    overdue = await repository.find_overdue(connection, at, OVERDUE_BATCH_MAX)
    if overdue:
        await ledger.lock_wallets(connection, list({hold.tenant_id for hold in overdue}), overdue[0].currency)
    for hold in overdue:
        await _expire(connection, hold, at)
    return len(overdue)


async def _find(connection: AsyncConnection, tenant_id: UUID, hold_id: UUID) -> Hold | None:
    """The hold with its tenant locked; one whose time is over ends here, whether or not the sweep came by."""
    hold = await repository.find(connection, tenant_id, hold_id)
    if hold is None:
        return None
    await _lock(connection, tenant_id, hold.currency)
    at = clock.now()
    if hold.expires_at is not None and hold.expires_at <= at:
        await _expire(connection, hold, at)
    return await repository.find(connection, tenant_id, hold_id)


async def _expire(connection: AsyncConnection, hold: Hold, at: datetime) -> None:
    if await repository.end(connection, hold, "expired", ended_by=None, captured_micros=0, at=at):
        await _tell(connection, hold, [("hold_return", "held", "wallet", hold.amount_micros)], at)


async def _end(
    connection: AsyncConnection, hold: Hold, state: Literal["captured", "voided"], end_id: UUID, captured_micros: int
) -> Answer:
    if hold.state != "open":
        return ENDED[hold.state]
    at = clock.now()
    if not await repository.end(connection, hold, state, ended_by=end_id, captured_micros=captured_micros, at=at):
        await _expire(connection, hold, at)  # its time came between the look at it and this act
        return "expired"
    rest = hold.amount_micros - captured_micros
    parts: list[_Part] = [("hold_capture", "held", "revenue", captured_micros), ("hold_return", "held", "wallet", rest)]
    await _tell(connection, hold, parts, at)
    return "created"


_Part = tuple[Literal["hold", "hold_capture", "hold_return"], str, str, int]  # kind, debit, credit, micro-units


async def _tell(connection: AsyncConnection, hold: Hold, parts: list[_Part], at: datetime) -> None:
    bookings = [
        ledger.Booking(hold.tenant_id, hold.id, kind, debit, credit, micros, hold.currency)
        for kind, debit, credit, micros in parts
        if micros
    ]
    await ledger.tell(connection, bookings, booked_at=at)


async def _lock(connection: AsyncConnection, tenant_id: UUID, currency: str) -> int:
    """Lock the tenant's books; what its wallet can still pay."""
    wallets = await ledger.lock_wallets(connection, [tenant_id], currency)
    return wallets[tenant_id, currency]
