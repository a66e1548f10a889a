"""What tenants send and get about consents; every refusal says what to do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from services.consent.consents.fields import (
    IMPORT,
    METHODS,
    AttestedBy,
    Bsuid,
    GivenAt,
    Language,
    Level,
    Network,
    PageUrl,
    Phone,
    Reference,
    Source,
    TextVersion,
    UserAgent,
    Words,
)
from services.consent.consents.fold import ActKind, State
from services.consent.consents.repository import Particulars
from services.consent.consents.service import Agreement, Channel, Stand, Told
from services.kernel.contracts.conversations import Purpose
from services.kernel.fields import unacceptable


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(Asked):
    """Where the person agreed, to which words, when (default: now), and whatever else proves it.

    Records from elsewhere (`import`) need their own time and somebody who vouches for them.
    """

    source: Source
    text: Words
    text_version: TextVersion | None = None
    language: Language | None = None
    given_at: Annotated[GivenAt | None, Field(validate_default=True)] = None
    page_url: PageUrl | None = None
    ip: Network | None = None
    user_agent: UserAgent | None = None
    reference: Reference | None = None
    attested_by: Annotated[AttestedBy | None, Field(validate_default=True)] = None

    @field_validator("given_at", "attested_by", mode="after")
    @classmethod
    def _imports_are_vouched_for(cls, value: object, info: ValidationInfo) -> object:
        if value is None and info.data.get("source") == IMPORT:
            raise unacceptable("an import needs the time at which the person agreed, and who vouches for it")
        return value

    @property
    def level(self) -> Level:
        return "recorded" if self.source in METHODS and self.attested_by is None else "attested"

    def sealed(self) -> dict[str, str]:
        """What may name people or say where they are."""
        names = ("text", "page_url", "ip", "user_agent", "reference", "attested_by")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Named(BaseModel):
    """A person, by number or by BSUID."""

    model_config = ConfigDict(frozen=True)

    bsuid: Bsuid | None = None
    phone: Annotated[Phone | None, Field(validate_default=True)] = None

    @field_validator("phone", mode="after")
    @classmethod
    def _one_name(cls, phone: str | None, info: ValidationInfo) -> str | None:
        if "bsuid" in info.data and (phone is None) == (info.data["bsuid"] is None):
            raise unacceptable("name the person by phone or by bsuid, and only by one of them")
        return phone


class Giving(Named, Asked):
    """A consent to record."""

    purpose: Purpose
    channel: Channel = "whatsapp"
    evidence: Evidence

    def agreement(self) -> Agreement:
        given = self.evidence
        return Agreement(
            purpose=self.purpose,
            channel=self.channel,
            source=given.source,
            particulars=Particulars(given.level, given.text_version, given.language),
            sealed=given.sealed(),
            given_at=given.given_at,
        )


class Withdrawing(Named, Asked):
    """Without a purpose everything is withdrawn."""

    purpose: Purpose | None = None
    channel: Channel = "whatsapp"


class Given(BaseModel):
    """A consent that was recorded and counts."""

    id: UUID = Field(description="The record's id: the decision traces of messages name it.")
    phone: str | None = Field(description="The number, where you named the person by it.", examples=["+79161234567"])
    bsuid: str | None = Field(default=None, description="The BSUID, where you named the person by it.")
    purpose: Purpose
    channel: Channel = "whatsapp"
    state: Literal["given"] = "given"
    given_at: datetime = Field(description="When the person agreed; RFC 3339, UTC.")
    recorded_at: datetime


class HistoryItem(BaseModel):
    """One act about a purpose.

    given or withdrawn by your record; stopped or started by the person's words; blocked or unblocked by the person at
    Meta; moved: the person left this number for another.
    """

    id: UUID = Field(description="The record's id.")
    act: ActKind = Field(description="What happened.", examples=["given"])
    source: str = Field(description="Where it came from.", examples=["web_form"])
    at: datetime
    recorded_at: datetime
    level: Level | None = Field(default=None, description="How good the evidence of a consent is.")
    text_version: str | None = Field(default=None, description="Which version of your text it was.")
    language: str | None = Field(default=None, description="The language of the words.", examples=["ru"])
    carried: bool = Field(default=False, description="It was said under a number that the person has left.")


class PurposeState(BaseModel):
    """Where a person stands with one purpose."""

    purpose: Purpose
    channel: Channel = "whatsapp"
    state: State = Field(description="unknown: no consent is in force.", examples=["given"])
    since: datetime | None = Field(description="Since when; RFC 3339, UTC.", examples=["2026-11-22T09:30:00Z"])
    source: str | None = Field(description="Where that came from.", examples=["web_form"])


class PurposeWithHistory(PurposeState):
    """The same with everything that happened."""

    history: list[HistoryItem] = Field(description="What happened, newest first.")


class Withdrawn(BaseModel):
    """What was taken back."""

    phone: str | None = Field(description="The number, where you named the person by it.", examples=["+79161234567"])
    bsuid: str | None = Field(default=None, description="The BSUID, where you named the person by it.")
    consents: list[PurposeState] = Field(description="Where the person stands now, by purpose.")


class Listed(BaseModel):
    """Where a person stands."""

    consents: list[PurposeWithHistory] = Field(description="By purpose; empty for a person who is not known.")


def state_of(stand: Stand) -> PurposeState:
    standing = stand.standing
    return PurposeState(
        purpose=stand.purpose,
        channel=stand.channel,
        state=standing.state,
        since=standing.since,
        source=standing.source,
    )


def listed(stands: Sequence[Stand]) -> Listed:
    """Each purpose with its acts, newest first."""
    return Listed(
        consents=[
            PurposeWithHistory(**state_of(stand).model_dump(), history=[_item(told) for told in stand.history])
            for stand in stands
        ]
    )


def _item(told: Told) -> HistoryItem:
    act, particulars = told.act, told.particulars
    return HistoryItem(
        id=act.id,
        act=act.kind,
        source=act.source,
        at=act.occurred_at,
        recorded_at=told.recorded_at,
        level=particulars.level,
        text_version=particulars.text_version,
        language=particulars.language,
        carried=told.is_carried,
    )
