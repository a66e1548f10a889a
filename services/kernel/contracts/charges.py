"""What happened to reserved money, published by billing."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Topic, event

CHARGES = Topic(
    name="charges",
    owner="billing",
    consumers=frozenset({"gateway", "dashboard"}),
    purpose="Reservations that were captured or released.",
)


@event(CHARGES, "charge.captured.v1", key="message_id")
class ChargeCaptured(Event, frozen=True, kw_only=True):
    """The reserved price was earned: the message reached its person. Free messages are captured at zero."""

    message_id: UUID
    amount_micros: int
    currency: str
    is_late: bool


@event(CHARGES, "charge.released.v1", key="message_id")
class ChargeReleased(Event, frozen=True, kw_only=True):
    """The reserved price went back to the wallet."""

    message_id: UUID
    amount_micros: int
    currency: str
    reason: Literal["failed", "expired"]
