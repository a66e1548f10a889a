"""Decisions about reservations: one pass over the facts of a batch, in their order, with the tenants' books locked."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.billing.ledger import service as ledger
from services.billing.rating import service as rating
from services.billing.reservations import repository
from services.billing.reservations.repository import Key, Reservation
from services.kernel import clock
from services.kernel.contracts import event_id

# Meta may still deliver for a while after the message's own time, and reports come late.
HOLD_AFTER_EXPIRY = timedelta(days=7)
DEFAULT_ZONE = "Europe/Moscow"
OVERDUE_BATCH_MAX = 500

NO_BALANCE = "no_balance"
PRICE_ABOVE_MAX = "price_above_max"
ALREADY_CLOSED = "already_closed"

TEST_CLASS = "test"


class Payer(NamedTuple):
    """What billing must know of a tenant: where its months begin, and whether its messages are only a test."""

    zone: str
    tenant_class: str

    @property
    def is_test(self) -> bool:
        """The messages of a test twin go to the sandbox and cost nothing."""
        return self.tenant_class == TEST_CLASS


PayerOf = Callable[[UUID], Payer | None]


class Cleared(msgspec.Struct, frozen=True):
    """The message may go out: reserve its price."""

    tenant_id: UUID
    message_id: UUID
    cause: UUID
    category: str
    is_in_window: bool
    expires_at: datetime
    max_price_micros: int | None = None


class Ended(msgspec.Struct, frozen=True):
    """What became of a message: `reached` its person, or did not; `overdue` is a hold that nobody ended."""

    tenant_id: UUID
    message_id: UUID
    cause: UUID
    outcome: Literal["reached", "failed", "expired", "overdue"]


Fact = Cleared | Ended


class Books:
    """What the locked books say, and what a batch adds to them."""

    def __init__(
        self,
        *,
        at: datetime,
        card: rating.RateCard,
        payable: dict[tuple[UUID, str], int],
        months: dict[UUID, date],
        positions: dict[UUID, int],
        testers: set[UUID],
        reservations: Sequence[Reservation],
        early: set[Key],
    ) -> None:
        self._at = at
        self._card = card
        self._payable = payable
        self._months = months
        self._positions = positions
        self._testers = testers
        self.reservations = {reservation.key: reservation for reservation in reservations}
        self._early = early
        self.added: dict[Key, Reservation] = {}
        self.changed: dict[Key, Reservation] = {}
        self.transfers: list[ledger.Transfer] = []
        self.early_added: set[Key] = set()

    def take(self, fact: Fact) -> None:
        """Decide about one fact; facts that were decided before change nothing."""
        known = self.reservations.get((fact.tenant_id, fact.message_id))
        if isinstance(fact, Cleared):
            if known is None:
                self._reserve(fact)
        elif known is None:
            self._remember(fact)
        elif fact.outcome == "reached":
            if known.state in ("reserved", "released", "expired"):
                self._capture(known, fact.cause)
        elif known.state == "reserved":
            self._give_back(known, fact)

    def _reserve(self, fact: Cleared) -> None:
        is_free = self._is_free(fact)
        position = None if is_free else self._positions[fact.tenant_id] + 1
        price = 0 if position is None else rating.price_at(self._card, position)
        if (reason := self._why_not(fact, price)) is not None:
            self._add(Reservation(fact.tenant_id, fact.message_id, "unfunded", self._at, reason))
            return
        reservation = Reservation(
            fact.tenant_id,
            fact.message_id,
            "reserved",
            self._at,
            price_micros=price,
            currency=self._card.currency,
            rate_card_version=self._card.version,
            is_free=is_free,
            hold_expires_at=fact.expires_at + HOLD_AFTER_EXPIRY,
        )
        if position is not None:
            reservation.position, reservation.month = position, self._months[fact.tenant_id]
            self._positions[fact.tenant_id] = position
        self._add(reservation)
        self._move(reservation, "reserve", to_wallet=-price)
        if reservation.key in self._early:
            self._capture(reservation, fact.cause)

    def _is_free(self, fact: Cleared) -> bool:
        return fact.tenant_id in self._testers or rating.is_free(
            self._card, category=fact.category, is_in_window=fact.is_in_window
        )

    def _why_not(self, fact: Cleared, price_micros: int) -> str | None:
        if fact.max_price_micros is not None and price_micros > fact.max_price_micros:
            return PRICE_ABOVE_MAX
        if price_micros > max(0, self._payable[fact.tenant_id, self._card.currency]):
            return NO_BALANCE
        return None

    def _remember(self, fact: Ended) -> None:
        key = (fact.tenant_id, fact.message_id)
        if fact.outcome == "reached":
            self._early.add(key)
            self.early_added.add(key)
        elif key not in self._early:
            self._add(Reservation(fact.tenant_id, fact.message_id, "closed", self._at, ALREADY_CLOSED))

    def _capture(self, reservation: Reservation, cause: UUID) -> None:
        is_late = reservation.state != "reserved"
        reservation.state, reservation.captured_at, reservation.capture_cause = "captured", self._at, cause
        if is_late:
            self._move(reservation, "late_capture", to_wallet=-(reservation.price_micros or 0))
        else:
            self._move(reservation, "capture", to_wallet=0)
        self._touch(reservation)

    def _give_back(self, reservation: Reservation, fact: Ended) -> None:
        is_overdue = fact.outcome == "overdue"
        if is_overdue and (reservation.hold_expires_at is None or reservation.hold_expires_at > self._at):
            return
        reservation.state = "expired" if is_overdue else "released"
        reservation.returned_at, reservation.return_cause = self._at, fact.cause
        reservation.return_reason = "failed" if fact.outcome == "failed" else "expired"
        self._move(reservation, "expire" if is_overdue else "release", to_wallet=reservation.price_micros or 0)
        self._touch(reservation)

    def _move(self, reservation: Reservation, step: ledger.MessageStep, *, to_wallet: int) -> None:
        if not reservation.price_micros or reservation.currency is None:
            return
        self._payable[reservation.tenant_id, reservation.currency] += to_wallet
        self.transfers.append(
            ledger.transfer(
                step,
                tenant_id=reservation.tenant_id,
                message_id=reservation.message_id,
                amount_micros=reservation.price_micros,
                currency=reservation.currency,
            )
        )

    def _add(self, reservation: Reservation) -> None:
        self.reservations[reservation.key] = self.added[reservation.key] = reservation

    def _touch(self, reservation: Reservation) -> None:
        if reservation.key not in self.added:
            self.changed[reservation.key] = reservation


async def settle(connection: AsyncConnection, facts: Sequence[Fact], payer_of: PayerOf) -> Books:
    """Take the facts of a batch into the books, in one pass; what stands in them afterwards."""
    at = clock.now()
    card = await rating.card_in_force(connection, at)
    payable = await ledger.lock_wallets(connection, list({fact.tenant_id for fact in facts}), card.currency)
    books = await _open(connection, facts, at=at, card=card, payable=payable, payer_of=payer_of)
    for fact in facts:
        books.take(fact)
    await repository.insert_early(connection, list(books.early_added))
    await ledger.book(connection, books.transfers, booked_at=at)
    await repository.insert(connection, list(books.added.values()))
    await repository.update(connection, list(books.changed.values()))
    return books


async def _open(
    connection: AsyncConnection,
    facts: Sequence[Fact],
    *,
    at: datetime,
    card: rating.RateCard,
    payable: dict[tuple[UUID, str], int],
    payer_of: PayerOf,
) -> Books:
    keys = list({(fact.tenant_id, fact.message_id) for fact in facts})
    payers = {fact.tenant_id: payer_of(fact.tenant_id) for fact in facts if isinstance(fact, Cleared)}
    months = {tenant_id: month_of(at, payer.zone if payer else None) for tenant_id, payer in payers.items()}
    return Books(
        at=at,
        card=card,
        payable=payable,
        months=months,
        positions=await repository.find_positions(connection, months) if months else {},
        testers={tenant_id for tenant_id, payer in payers.items() if payer is not None and payer.is_test},
        reservations=await repository.find(connection, keys),
        early=await repository.find_early(connection, keys),
    )


def month_of(at: datetime, zone: str | None) -> date:
    """The first day of the month that it is at that moment in the tenant's billing zone."""
    try:
        place = ZoneInfo(zone or DEFAULT_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        place = ZoneInfo(DEFAULT_ZONE)
    return at.astimezone(place).date().replace(day=1)


async def end_overdue(connection: AsyncConnection, payer_of: PayerOf) -> tuple[int, list[Reservation]]:
    """Give back holds whose end has come: how many were looked at, and those that ended now."""
    keys = await repository.find_overdue(connection, clock.now(), OVERDUE_BATCH_MAX)
    facts = [
        Ended(tenant_id, message_id, event_id(message_id, "released"), "overdue") for tenant_id, message_id in keys
    ]
    if not facts:
        return 0, []
    books = await settle(connection, facts, payer_of)
    return len(keys), list(books.changed.values())
