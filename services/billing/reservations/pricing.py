"""Pricing a batch: each message gets the next position of its tenant's month, while the wallet lasts (hot path)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.billing.rating import service as rating
from services.billing.reservations.repository import Key, Purse, Reservation
from services.kernel.contracts.clearances import MessageCleared

# Meta may still deliver for a while after the message's own time, and reports come late.
HOLD_AFTER_EXPIRY = timedelta(days=7)
# No hold ends in the past, not even that of a message which waited in Kafka for weeks: the sweep never looks back.
HOLD_MIN = timedelta(hours=1)
DEFAULT_ZONE = "Europe/Moscow"
ZONES_MAX = 1_000

NO_BALANCE = "no_balance"
PRICE_ABOVE_MAX = "price_above_max"
TEST_CLASS = "test"
# Meta reports nothing of these after `sent`: no price of theirs could ever be captured.
FREE_KINDS = frozenset({"reaction"})


class Payer(NamedTuple):
    """What billing must know of a tenant: where its months begin, and whether its messages are only a test."""

    zone: str
    tenant_class: str

    @property
    def is_test(self) -> bool:
        """The messages of a test twin go to the sandbox and cost nothing."""
        return self.tenant_class == TEST_CLASS


PayerOf = Callable[[UUID], Payer | None]


class _Till:
    """What one tenant can still pay, and how far it is on its ladder."""

    __slots__ = ("early", "is_test", "known", "made", "month", "payable_micros", "position")

    def __init__(self, purse: Purse, month: date, *, is_test: bool) -> None:
        self.month = month
        self.is_test = is_test
        self.payable_micros = purse.payable_micros
        self.position = purse.position
        self.known = {message_id.int for message_id in purse.known or ()}
        self.early = {message_id.int for message_id in purse.early or ()}
        self.made: dict[int, Reservation] = {}


class Desk:
    """Decides about the clearances of a batch in their order; every tenant in it must be locked.

    `early` are the clearances of messages that had reached their person before, `stored` the keys of what must be read
    from the database: it was decided before this batch, or captured in it.
    """

    def __init__(self, card: rating.RateCard, at: datetime, payers: Mapping[UUID, Payer | None]) -> None:
        self._card = card
        self._at = at
        self._hold_min = at + HOLD_MIN
        self._is_test = {tenant_id.int for tenant_id, payer in payers.items() if payer is not None and payer.is_test}
        self.months = sorted((tenant_id, month_of(at, payer and payer.zone)) for tenant_id, payer in payers.items())
        self._tills: dict[int, _Till] = {}
        self.early: list[MessageCleared] = []
        self.stored: list[Key] = []

    def open(self, purses: Sequence[Purse]) -> None:
        """Take in what the locked books say."""
        months = {tenant_id.int: month for tenant_id, month in self.months}
        for purse in purses:
            tenant = purse.tenant_id.int
            self._tills[tenant] = _Till(purse, months[tenant], is_test=tenant in self._is_test)

    def decide(self, cleared: Sequence[MessageCleared]) -> list[Reservation]:
        """The new decisions; what was decided before stays as it is."""
        made: list[Reservation] = []
        for event in cleared:
            till, message = self._tills[event.tenant_id.int], event.message_id.int
            if message in till.known:
                self.stored.append((event.tenant_id, event.message_id))
            elif message not in till.made:
                made.append(self._price(event, till))
                till.made[message] = made[-1]
                if message in till.early:
                    self.early.append(event)
                    self.stored.append((event.tenant_id, event.message_id))
        return made

    def decision(self, event: MessageCleared) -> Reservation:
        """What this batch decided; KeyError for what was decided before."""
        return self._tills[event.tenant_id.int].made[event.message_id.int]

    def _price(self, event: MessageCleared, till: _Till) -> Reservation:
        position = None if self._is_free(event, till) else till.position + 1
        price = 0 if position is None else rating.price_at(self._card, position)
        reason = why_not(price, payable_micros=till.payable_micros, max_price_micros=event.max_price_micros)
        if reason is not None:
            return Reservation(event.tenant_id, event.message_id, "unfunded", self._at, reason, event.category)
        till.payable_micros -= price
        if position is not None:
            till.position = position
        return Reservation(
            event.tenant_id,
            event.message_id,
            "reserved",
            self._at,
            category=event.category,
            price_micros=price,
            currency=self._card.currency,
            rate_card_version=self._card.version,
            is_free=position is None,
            month=till.month,
            position=position,
            hold_expires_at=max(event.expires_at + HOLD_AFTER_EXPIRY, self._hold_min),
        )

    def _is_free(self, event: MessageCleared, till: _Till) -> bool:
        return costs_nothing(event.kind, is_test=till.is_test) or rating.is_free(
            self._card,
            category=event.category,
            is_in_window=event.basis == "window" or self._is_open(event.window_expires_at),
            is_in_entry_point=self._is_open(event.entry_point_expires_at),
        )

    def _is_open(self, until: datetime | None) -> bool:
        return until is not None and until > self._at


def costs_nothing(kind: str | None, *, is_test: bool) -> bool:
    """Whether a message is free whatever the card says."""
    return is_test or kind in FREE_KINDS


def why_not(price_micros: int, *, payable_micros: int, max_price_micros: int | None) -> str | None:
    """Why a message is not paid for; None when it is. `payable_micros` may be negative: free messages go on."""
    if max_price_micros is not None and price_micros > max_price_micros:
        return PRICE_ABOVE_MAX
    if price_micros > max(0, payable_micros):
        return NO_BALANCE
    return None


def month_of(at: datetime, zone: str | None) -> date:
    """The first day of the month that it is at that moment in the tenant's billing zone."""
    return at.astimezone(_place(zone or DEFAULT_ZONE)).date().replace(day=1)


@lru_cache(ZONES_MAX)
def _place(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(DEFAULT_ZONE)
