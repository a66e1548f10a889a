"""What a tenant asks and reads about its messages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from sqlalchemy import Row

from services.gateway.history.owners import Known
from services.gateway.history.service import Stored, sending_at, state_of
from services.gateway.messages.failures import EXPIRED_CODE
from services.gateway.messages.reasons import words
from services.gateway.messages.states import State
from services.kernel import fields
from services.kernel.cursors import CURSOR_CHARACTERS_MAX
from services.kernel.fields import Phone, unacceptable
from services.kernel.money import text_of

LIMIT_DEFAULT = 25
LIMIT_MAX = 100

META_RESOLUTION = timedelta(microseconds=999_999)
META_NAMES = frozenset({"sent", "delivered", "read", "failed"})
STATE_NAMES = tuple(state.name.lower() for state in State)
EVENT_TYPES = (*STATE_NAMES, "captured", "released", "called_back")


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
StateName = Literal[
    "accepted", "cleared", "funded", "sending", "unknown", "sent", "delivered", "read", "failed", "expired"
]


def _not_before_us(at: datetime) -> datetime:
    if at < EARLIEST:
        raise unacceptable("this is before the year 2000: no message is that old")
    return at


Time = Annotated[fields.Time, AfterValidator(_not_before_us)]


class Listing(BaseModel):
    """Which messages; filters narrow one another. A parameter that does not exist is refused."""

    model_config = ConfigDict(extra="forbid")

    state: list[StateName] = Field(
        default=[], description="Their state now; repeat it for several.", examples=[["failed", "expired"]]
    )
    phone_number_id: str | None = Field(
        default=None,
        pattern="^[0-9]{1,32}$",
        description="Sent from this number of yours.",
        examples=["106540352242922"],
    )
    from_: Time | None = Field(
        default=None,
        alias="from",
        description="Accepted at this time or later; 7 days before `to` when it is left out.",
        examples=["2026-11-21T00:00:00Z"],
    )
    to: Time | None = Field(
        default=None,
        description="Accepted before this time; now when it is left out. At most 31 days after `from`.",
        examples=["2026-11-22T00:00:00Z"],
    )
    template: str | None = Field(
        default=None,
        pattern="^[a-z0-9_]{1,512}$",
        description="The name of the template, in any language.",
        examples=["order_ready"],
    )
    person: Phone | None = Field(
        default=None,
        description="The recipient's phone number with its country code. It is looked up by a keyed index and stands "
        "in no log of ours.",
        examples=["+79161234567"],
    )
    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="Messages on a page.")
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=CURSOR_CHARACTERS_MAX,
        description="paging.next of the page before, with the same filters.",
        examples=["AQ1pV7wK0QBzZqUyDXXFd0-5Nn_Bam0AZm9vYmFyYmF6cXV4MTIzNDU2"],
    )


class Money(BaseModel):
    """An amount of money."""

    amount: str = Field(description="Decimal, at least two places, in units of the currency.", examples=["6.00"])
    currency: str = Field(description="ISO 4217.", examples=["RUB"])


class MessageError(BaseModel):
    """Why a message failed."""

    code: int = Field(description="Meta's error code.", examples=[131047])
    reason: str = Field(
        description="Ours, of a closed set: no_consent, withdrawn, window_closed, policy, no_balance, price_above_max, "
        "already_closed, cancelled, expired, meta_refused, unknown, ...",
        examples=["window_closed"],
    )
    text: str = Field(
        description="What happened and what to do, in words.",
        examples=["The person has not written within 24 hours. Send an approved template instead."],
    )


class MessageEvent(BaseModel):
    """Something that happened to a message."""

    type: str = Field(
        description="A state's name, or captured, released, called_back (which is known for ten days).",
        examples=["delivered"],
    )
    at: datetime = Field(description="RFC 3339, UTC.", examples=["2026-11-22T10:00:00Z"])


class ListedMessage(BaseModel):
    """A message as its row says it: without its decision trace, and without captured, released and called_back."""

    id: str = Field(
        description="UUIDv7: messages[0].id of the send answer.", examples=["019ab0c4-7f3e-7c11-9c55-3d1a2b4c5d6e"]
    )
    state: StateName = Field(description="Where the message stands now; states only move on.", examples=["delivered"])
    error: MessageError | None = Field(description="Why it failed or expired; null for every other state.")
    price: Money | None = Field(description="Null before the message is funded; 0.00 where it is free.")
    events: list[MessageEvent] = Field(description="What happened, oldest first.")


class TraceEntry(BaseModel):
    """A rule that was asked about a message."""

    rule: str = Field(description="What was asked: policy, consent, window, ...", examples=["consent"])
    version: int = Field(description="Of the rule, as it was then.", examples=[1])
    outcome: str = Field(description="allow or refuse.", examples=["allow"])
    facts: dict[str, Any] = Field(description="What was known.", examples=[{"state": "given"}])
    text: str = Field(description="The same in words.", examples=["The person agreed to service messages on 21 Nov."])
    text_ru: str = Field(description="In Russian.", examples=["Человек согласился на сервисные сообщения 21 ноября."])


class Message(ListedMessage):
    """A message with everything that is known about it."""

    trace: list[TraceEntry] = Field(description="Every rule that was asked, what it knew and what it said.")
    incomplete: list[Literal["trace", "charges"]] = Field(
        default=[],
        description="Only where something is missing: `trace` (the trace, and the moment of `cleared`) or `charges` "
        "(`captured` and `released`) could not be had just now.",
        examples=[["trace"]],
    )


class Paging(BaseModel):
    """Where the next page begins."""

    next: str | None = Field(
        description="The cursor of the next page, which may be short or even empty; null at the end.", examples=[None]
    )


class MessageList(BaseModel):
    """A page of messages, newest first."""

    data: list[ListedMessage]
    paging: Paging


def message(stored: Stored, known: Known) -> Message:
    """The tenant's view of a stored message."""
    row, decision, charge = stored.row, known.decision, known.charge
    cleared_at = decision.decided_at if decision is not None and decision.outcome == "cleared" else None
    moments = _moments(row) | {
        "cleared": row.cleared_at or cleared_at,
        "captured": charge.captured_at if charge else None,
        "released": charge.returned_at if charge else None,
        "called_back": stored.called_back_at,
    }
    state = State.CLEARED if row.state == State.ACCEPTED and cleared_at is not None else state_of(row)
    steps = decision.trace if decision else []
    return Message(
        **_shown(row, state, moments),
        trace=[TraceEntry.model_validate(step, from_attributes=True) for step in steps],
        incomplete=list(known.incomplete),
    )


def listed(row: Row[Any]) -> ListedMessage:
    """The same in a list."""
    return ListedMessage(**_shown(row, state_of(row), _moments(row)))


def _shown(row: Row[Any], state: State, moments: Mapping[str, datetime | None]) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "state": state.name.lower(),
        "error": _error(row),
        "price": None if row.price_micros is None else Money(amount=text_of(row.price_micros), currency=row.currency),
        "events": _events(moments),
    }


def _error(row: Row[Any]) -> MessageError | None:
    if row.state == State.EXPIRED:
        return MessageError(code=EXPIRED_CODE, reason="expired", text=words("expired"))
    if row.state != State.FAILED:
        return None
    return MessageError(code=row.error_code, reason=row.error_reason, text=words(row.error_reason))


def _moments(row: Row[Any]) -> dict[str, datetime | None]:
    return {name: getattr(row, f"{name}_at") for name in STATE_NAMES} | {"sending": sending_at(row)}


def _events(moments: Mapping[str, datetime | None]) -> list[MessageEvent]:
    """Oldest first; of one moment in the order in which they are possible."""
    known = sorted(
        (_sort_time(type_, at), EVENT_TYPES.index(type_), type_, at) for type_, at in moments.items() if at is not None
    )
    return [MessageEvent(type=type_, at=at.astimezone(UTC)) for _, _, type_, at in known]


def _sort_time(type_: str, at: datetime) -> datetime:
    # Meta cuts its times to seconds: such a moment lay anywhere in its second, and after what led to it.
    return at + META_RESOLUTION if type_ in META_NAMES and not at.microsecond else at
