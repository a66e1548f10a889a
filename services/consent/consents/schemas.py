"""What tenants send and get about consents; every refusal says what to do."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints
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


Phone = Annotated[str, StringConstraints(max_length=PHONE_CHARACTERS_MAX), AfterValidator(_phone)]
Source = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$"), AfterValidator(_source)]
Words = Annotated[str, StringConstraints(max_length=TEXT_CHARACTERS_MAX), AfterValidator(_words)]
GivenAt = Annotated[AwareDatetime, AfterValidator(_given_at)]


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(Asked):
    """Where the person agreed, to which words, and when (default: now). Letters and _ only in `source`."""

    source: Source
    text: Words
    given_at: GivenAt | None = None


class Giving(Asked):
    phone: Phone
    purpose: Purpose
    evidence: Evidence


class Withdrawing(Asked):
    """Without a purpose everything is withdrawn."""

    phone: Phone
    purpose: Purpose | None = None


class Given(BaseModel):
    id: UUID
    phone: str
    purpose: Purpose
    state: Literal["given"] = "given"
    given_at: datetime
    recorded_at: datetime


class HistoryItem(BaseModel):
    """`act`: given or withdrawn by the tenant's record, stopped or started by the person, blocked at Meta."""

    id: UUID
    act: ActKind
    source: str
    at: datetime
    recorded_at: datetime


class PurposeState(BaseModel):
    purpose: Purpose
    state: State
    since: datetime | None
    source: str | None


class PurposeWithHistory(PurposeState):
    history: list[HistoryItem]


class Withdrawn(BaseModel):
    phone: str
    consents: list[PurposeState]


class Listed(BaseModel):
    consents: list[PurposeWithHistory]


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
