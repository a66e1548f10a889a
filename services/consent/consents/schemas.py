"""What tenants send and get about consents; every refusal says what to do."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.consent.consents.fold import ActKind, State
from services.kernel import clock
from services.kernel.contracts.conversations import Purpose
from services.kernel.crypto import normalise_phone

PHONE_CHARACTERS_MAX = 40
TEXT_CHARACTERS_MAX = 4_000  # a long notice of a form; the whole document belongs behind a link
CLOCK_SKEW = timedelta(seconds=60)  # a tenant's clock may run ahead of ours; such a time is taken as now
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
OUR_SOURCES = frozenset({"keyword_stop", "keyword_start", "platform_error", "api"})


def _wrong(what_to_do: str) -> PydanticCustomError:
    return PydanticCustomError("not_acceptable", "{what_to_do}", {"what_to_do": what_to_do})


def _phone(text: str) -> str:
    try:
        return normalise_phone(text)
    except ValueError as error:
        raise _wrong(str(error)) from None


def _source(text: str) -> str:
    if text in OUR_SOURCES:
        raise _wrong(f"{text} is what we record ourselves: name where the person agreed, like web_form or checkbox")
    return text


def _words(text: str) -> str:
    if not text.strip():
        raise _wrong("give the words that the person agreed to")
    return text


def _given_at(at: datetime) -> datetime:
    now = clock.now()
    if at > now + CLOCK_SKEW:
        raise _wrong("this lies in the future: send the time at which the person agreed, or leave it out")
    if at < EARLIEST:
        raise _wrong("this is before the year 2000: send the time at which the person agreed, or leave it out")
    return min(at, now).astimezone(UTC)


Phone = Annotated[
    str,
    StringConstraints(max_length=PHONE_CHARACTERS_MAX),
    AfterValidator(_phone),
    Field(description="The person's number with its country code.", examples=["+79161234567"]),
]
Source = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$"),
    AfterValidator(_source),
    Field(description="Where the person agreed, in a word of yours of letters and _.", examples=["web_form"]),
]
Words = Annotated[
    str,
    StringConstraints(max_length=TEXT_CHARACTERS_MAX),
    AfterValidator(_words),
    Field(description="The words that the person agreed to.", examples=["Согласен получать сообщения о заказах."]),
]
GivenAt = Annotated[
    AwareDatetime,
    AfterValidator(_given_at),
    Field(
        description="When the person agreed: from the year 2000 until now; now, if it is left out.",
        examples=["2026-11-22T09:30:00Z"],
    ),
]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(Asked):
    """Where the person agreed, to which words, and when (default: now). Letters and _ only in `source`."""

    source: Source
    text: Words
    given_at: GivenAt | None = None


class Giving(Asked):
    """A consent to record."""

    phone: Phone
    purpose: Purpose
    evidence: Evidence


class Withdrawing(Asked):
    """Without a purpose everything is withdrawn."""

    phone: Phone
    purpose: Purpose | None = None


class Given(BaseModel):
    """A consent that was recorded and counts."""

    id: UUID = Field(description="The record's id: the decision traces of messages name it.")
    phone: str
    purpose: Purpose
    state: Literal["given"] = "given"
    given_at: datetime = Field(description="When the person agreed; RFC 3339, UTC.")
    recorded_at: datetime


class HistoryItem(BaseModel):
    """`act`: given or withdrawn by the tenant's record, stopped or started by the person, blocked at Meta."""

    id: UUID = Field(description="The record's id.")
    act: ActKind = Field(description="What happened.", examples=["given"])
    source: str = Field(description="Where it came from.", examples=["web_form"])
    at: datetime
    recorded_at: datetime


class PurposeState(BaseModel):
    """Where a person stands with one purpose."""

    purpose: Purpose
    state: State = Field(description="unknown: nothing was ever recorded.", examples=["given"])
    since: datetime | None = Field(description="Since when; RFC 3339, UTC.", examples=["2026-11-22T09:30:00Z"])
    source: str | None = Field(description="Where that came from.", examples=["web_form"])


class PurposeWithHistory(PurposeState):
    """The same with everything that happened."""

    history: list[HistoryItem] = Field(description="What happened, newest first.")


class Withdrawn(BaseModel):
    """What was taken back."""

    phone: str
    consents: list[PurposeState] = Field(description="Where the person stands now, by purpose.")


class Listed(BaseModel):
    """Where a person stands."""

    consents: list[PurposeWithHistory] = Field(description="By purpose; empty for a person who is not known.")


def state_of(row: Any) -> PurposeState:
    return PurposeState(purpose=row.purpose, state=row.state, since=row.since, source=row.source)


def listed(states: list[Any], acts: dict[str, list[Any]]) -> Listed:
    """Each purpose with its acts, newest first."""
    return Listed(
        consents=[
            PurposeWithHistory(**state_of(row).model_dump(), history=[_item(act) for act in acts.get(row.purpose, [])])
            for row in states
        ]
    )


def _item(row: Any) -> HistoryItem:
    return HistoryItem(id=row.id, act=row.act, source=row.source, at=row.occurred_at, recorded_at=row.recorded_at)
