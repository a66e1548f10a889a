"""What a tenant reads about one of its messages."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import Row

from services.gateway.messages.reasons import words
from services.gateway.messages.states import State
from services.kernel.money import text_of

META_RESOLUTION = timedelta(microseconds=999_999)
META_NAMES = frozenset({"sent", "delivered", "read", "failed"})
EVENT_TYPES = (
    "accepted", "cleared", "funded", "sending", "unknown", "sent", "delivered", "read", "failed", "expired",
    "captured", "released", "called_back",
)  # fmt: skip


class Money(BaseModel):
    amount: str = Field(description="Decimal, at least two places, in units of the currency.", examples=["6.00"])
    currency: str = Field(description="ISO 4217.", examples=["RUB"])


class MessageError(BaseModel):
    code: int = Field(description="Meta's error code.", examples=[131047])
    reason: str = Field(description="Ours, of a closed set: see messages/reasons.py.", examples=["window_closed"])
    text: str = Field(description="What happened and what to do, in words.")


class MessageEvent(BaseModel):
    type: str = Field(description="A state's name, or captured, released, called_back.")
    at: datetime = Field(description="RFC 3339, UTC.")


class Message(BaseModel):
    id: str = Field(description="UUIDv7: messages[0].id of the send answer.")
    state: str = Field(
        description="accepted, cleared, funded, sending, unknown, sent, delivered, read, failed, expired."
    )
    error: MessageError | None
    price: Money | None = Field(description="Null before the message is funded; 0.00 where it is free.")
    trace: list[dict[str, Any]] = Field(description="Every rule that was asked, its version, its facts, its outcome.")
    events: list[MessageEvent] = Field(description="What happened, oldest first.")


def message(row: Row[Any], trace: list[dict[str, Any]]) -> Message:
    """The tenant's view of a stored message."""
    return Message(
        id=str(row.id),
        state=State(row.state).name.lower(),
        error=_error(row),
        price=None if row.price_micros is None else Money(amount=text_of(row.price_micros), currency=row.currency),
        trace=trace,
        events=_events(row),
    )


def _error(row: Row[Any]) -> MessageError | None:
    if row.state == State.EXPIRED:
        return MessageError(code=131026, reason="expired", text=words("expired"))
    if row.state != State.FAILED:
        return None
    return MessageError(code=row.error_code, reason=row.error_reason, text=words(row.error_reason))


def _events(row: Row[Any]) -> list[MessageEvent]:
    found = [(getattr(row, f"{type_}_at"), type_) for type_ in EVENT_TYPES]
    known = sorted(
        (_sort_time(type_, at), EVENT_TYPES.index(type_), type_, at) for at, type_ in found if at is not None
    )
    return [MessageEvent(type=type_, at=at.astimezone(UTC)) for _, _, type_, at in known]


def _sort_time(type_: str, at: datetime) -> datetime:
    # Meta cuts its times to seconds: such a moment lay anywhere in its second, and after what led to it.
    return at + META_RESOLUTION if type_ in META_NAMES and not at.microsecond else at
