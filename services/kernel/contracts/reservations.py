"""Answers about money before a message goes out, published by billing."""

from datetime import date
from uuid import UUID

from services.kernel.contracts.base import Event, Moment, Topic, event
from services.kernel.contracts.messages import Lane

RESERVATIONS = Topic(
    name="reservations",
    owner="billing",
    consumers=frozenset({"gateway"}),
    purpose="Whether a cleared message is paid for, and at which price.",
)


@event(RESERVATIONS, "message.funded.v1", key="person")
class MessageFunded(Event, frozen=True, kw_only=True):
    """The price is reserved (zero when `is_free`); micro-units of `currency`.

    `cleared_at` is when consent cleared the message; `month` (its first day, in the tenant's billing zone) is where it
    is counted, `position` (from 1) its place among the month's paid messages, null for a free one.
    """

    message_id: UUID
    person: str
    price_micros: int
    currency: str
    rate_card_version: int
    is_free: bool
    lane: Lane = "bulk"
    cleared_at: Moment | None = None
    month: date | None = None
    position: int | None = None


@event(RESERVATIONS, "message.unfunded.v1", key="person")
class MessageUnfunded(Event, frozen=True, kw_only=True):
    """Nothing is reserved; `code` is Meta's 131042, or the message was already closed."""

    message_id: UUID
    person: str
    code: int
    reason: str
    lane: Lane = "bulk"
    cleared_at: Moment | None = None
