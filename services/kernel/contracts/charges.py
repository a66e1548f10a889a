"""What happened to reserved money, published by billing."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Topic, event

CHARGES = Topic(
    name="charges",
    owner="billing",
    consumers=frozenset({"dashboard"}),
    purpose="Money that moved after it was reserved, and money that was booked by hand or held.",
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
    """The reserved price went back to the wallet; `is_overdue` when nobody had ended the hold by its time."""

    message_id: UUID
    amount_micros: int
    currency: str
    reason: Literal["failed", "expired"]
    is_overdue: bool = False


@event(CHARGES, "money.booked.v1", key="tenant_id")
class MoneyBooked(Event, frozen=True, kw_only=True):
    """One transfer that no message explains: a booking by hand (its reference stays in the ledger), or of a hold.

    `transfer_id` is what the transfer is about: itself, or the hold; `corrects` names what an adjustment corrects.
    """

    transfer_id: UUID
    kind: Literal["top_up", "adjustment", "hold", "hold_capture", "hold_return"]
    debit: str
    credit: str
    amount_micros: int
    currency: str
    corrects: UUID | None = None
