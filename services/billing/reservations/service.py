"""Decisions about reservations: clearances are priced in their order with the books locked; ends move what stands."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.rating import service as rating
from services.billing.reservations import answers, metrics, repository
from services.billing.reservations.pricing import Desk, Payer, PayerOf
from services.billing.reservations.repository import Key, Moved, Reservation
from services.kernel import clock
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.clearances import CLEARANCES, MessageCleared
from services.kernel.contracts.reservations import MessageFunded

OVERDUE_BATCH_MAX = 500
EARLY_BATCH_MAX = 1_000
# No clearance comes later than its topic keeps it; the week is for clocks, and for people who repair.
EARLY_KEPT = CLEARANCES.retention + timedelta(days=7)

__all__ = ["Ended", "Payer", "PayerOf", "end_again", "end_overdue", "find_charge", "finish", "reserve", "reserve_again"]

Outcome = Literal["reached", "failed", "expired", "overdue"]


class Ended(NamedTuple):
    """What became of a message: `reached` its person, or did not; `overdue` is a hold that nobody ended."""

    tenant_id: UUID
    message_id: UUID
    cause: UUID
    outcome: Outcome


async def reserve(connection: AsyncConnection, cleared: Sequence[MessageCleared], payer_of: PayerOf) -> list[Event]:
    """Set aside the prices of a batch, in its order; the answer to every record, new or seen before."""
    at = clock.now()
    card = await rating.card_in_force(connection, at)
    desk = Desk(card, at, {event.tenant_id: payer_of(event.tenant_id) for event in _one_of_each_tenant(cleared)})
    keys = [(event.tenant_id, event.message_id) for event in cleared]
    desk.open(await repository.open_books(connection, desk.months, card.currency, keys))
    made = desk.decide(cleared)
    if made:
        await repository.reserve(connection, made, currency=card.currency, card=card.version, at=at)
        metrics.count(reservation.state for reservation in made)
    if desk.early:
        await _capture_early(connection, desk.early, card.currency, at)
    stored = await _find(connection, desk.stored)
    return [
        answer
        for event in cleared
        for answer in answers.to_clearance(event, stored.get(_key(event)) or desk.decision(event))
    ]


def _one_of_each_tenant(cleared: Sequence[MessageCleared]) -> Iterable[MessageCleared]:
    return {event.tenant_id.int: event for event in cleared}.values()


async def _capture_early(
    connection: AsyncConnection, cleared: Sequence[MessageCleared], currency: str, at: datetime
) -> None:
    """Their persons were reached before anything was decided about the money."""
    ended = [Ended(event.tenant_id, event.message_id, event.id, "reached") for event in cleared]
    await _end(connection, ended, currency, at)


async def _find(connection: AsyncConnection, keys: Sequence[Key]) -> dict[tuple[int, int], Reservation]:
    return {_key(found): found for found in await repository.find(connection, keys)} if keys else {}


async def finish(connection: AsyncConnection, ended: Sequence[Ended]) -> list[Event]:
    """Earn or give back what was reserved; the charges that these very records brought about, now or before."""
    at = clock.now()
    card = await rating.card_in_force(connection, at)
    return [
        answers.to_end(fact.tenant_id, fact.message_id, row, is_overdue=fact.outcome == "overdue")
        for fact, row in await _end(connection, ended, card.currency, at)
    ]


async def _end(
    connection: AsyncConnection, ended: Sequence[Ended], currency: str, at: datetime
) -> list[tuple[Ended, Moved]]:
    firsts, again, late = turns(ended)
    moved = await _end_each(connection, firsts, [fact.outcome for fact in firsts], currency, at)
    is_new = {_key(fact) for fact, row in moved if row.is_new}
    # Where the first end is new, nothing that comes after it can have moved the money before.
    again = [fact for fact in again if _key(fact) not in is_new]
    moved += await _end_each(connection, again, ["again"] * len(again), currency, at)
    moved += await _end_each(connection, late, [fact.outcome for fact in late], currency, at)
    metrics.count(_state_of(row) for _, row in moved if row.is_new)
    return moved


async def _end_each(
    connection: AsyncConnection, facts: Sequence[Ended], outcomes: Sequence[str], currency: str, at: datetime
) -> list[tuple[Ended, Moved]]:
    if not facts:
        return []
    keys, causes = [(fact.tenant_id, fact.message_id) for fact in facts], [fact.cause for fact in facts]
    rows = await repository.end(connection, keys, outcomes, causes, currency=currency, at=at)
    if early := [row.number - 1 for row in rows if row.is_capture is None]:
        await repository.close(
            connection, [keys[place] for place in early], [outcomes[place] for place in early], at=at
        )
    return [(facts[row.number - 1], row) for row in rows if row.is_capture is not None]


def _state_of(row: Moved) -> str:
    return "captured" if row.is_capture else "released"


def turns(ended: Sequence[Ended]) -> tuple[list[Ended], list[Ended], list[Ended]]:
    """The first end of each message, what repeats or follows it, and the first arrivals after another end."""
    firsts: dict[tuple[int, int], Ended] = {}
    late: dict[tuple[int, int], Ended] = {}
    again: list[Ended] = []
    for fact in ended:
        key = _key(fact)
        if (first := firsts.setdefault(key, fact)) is fact:
            continue
        if first.outcome != "reached" and fact.outcome == "reached" and key not in late:
            late[key] = fact
        else:
            again.append(fact)
    return list(firsts.values()), again, list(late.values())


def _key(about: MessageCleared | Reservation | Ended) -> tuple[int, int]:
    """UUIDs compare and hash in Python, integers do not."""
    return about.tenant_id.int, about.message_id.int


async def end_overdue(connection: AsyncConnection) -> tuple[int, list[Event]]:
    """Give back holds whose end has come: how many were looked at, and what is to be told of those that ended."""
    at = clock.now()
    keys = await repository.find_overdue(connection, at, OVERDUE_BATCH_MAX)
    ended = [
        Ended(tenant_id, message_id, event_id(message_id, "released"), "overdue") for tenant_id, message_id in keys
    ]
    told = await finish(connection, ended) if ended else []
    if len(keys) < OVERDUE_BATCH_MAX:
        await repository.note_sweep(connection, at)
    return len(keys), told


async def forget_early(connection: AsyncConnection) -> int:
    """Forget arrivals of messages that nobody will ever decide about; fewer than EARLY_BATCH_MAX: that was all."""
    return await repository.forget_early(connection, clock.now() - EARLY_KEPT, EARLY_BATCH_MAX)


async def find_charge(connection: AsyncConnection, tenant_id: UUID, message_id: UUID) -> Reservation | None:
    """What was decided about the money of a message; None before that, and for another tenant's."""
    found = await repository.find(connection, [(tenant_id, message_id)])
    return found[0] if found else None


async def reserve_again(connection: AsyncConnection, funded: Sequence[MessageFunded]) -> None:
    """For a replay: set the same prices aside, of facts of one card, currency and moment."""
    first = funded[0]
    made = [
        Reservation(
            fact.tenant_id,
            fact.message_id,
            "reserved",
            fact.occurred_at,
            price_micros=fact.price_micros,
            currency=fact.currency,
            rate_card_version=fact.rate_card_version,
            is_free=fact.is_free,
            month=fact.month,
            position=fact.position,
            hold_expires_at=fact.occurred_at,
        )
        for fact in funded
    ]
    card, at = first.rate_card_version, first.occurred_at
    await repository.reserve(connection, made, currency=first.currency, card=card, at=at)


async def end_again(connection: AsyncConnection, ended: Sequence[Ended], *, currency: str, at: datetime) -> None:
    """For a replay: earn or give back what is reserved, at that moment."""
    await _end(connection, ended, currency, at)
