"""What staff send and get about rules; a malformed rule is refused whole, with the field and the reason."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import phonenumbers
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import InitErrorDetails, ValidationError

from services.consent.policy.rules import ANY, Draft, Outcome
from services.kernel import clock
from services.kernel.approvals.schemas import ApprovalAnswer, Reason
from services.kernel.fields import unacceptable

WORDS_CHARACTERS_MAX = 2_000  # a citation with its reasoning; documents belong behind a link
COUNTRIES_MAX = 50  # of one request for advertising: whoever wants more says '*'
CLOCK_SKEW = timedelta(seconds=60)  # a caller's clock may be behind ours; such a time is taken as now
LATEST = datetime(9999, 1, 1, tzinfo=UTC)  # behind it a moment of another zone may be none in UTC
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS) | {"001"}  # what the gateway finds for numbers


def _country(text: str) -> str:
    if text not in COUNTRIES | {ANY}:
        raise unacceptable("give a country of ISO 3166 in two capital letters, like RU, or * for all")
    return text


def _not_past(at: datetime) -> datetime:
    if at < clock.now() - CLOCK_SKEW:
        raise unacceptable("this lies in the past: what was decided stays decided; give a later moment or leave it out")
    if at > LATEST:
        raise unacceptable("no rule lasts until the year 9999: leave it out for one without an end")
    return at.astimezone(UTC)


Country = Annotated[str, AfterValidator(_country), Field(description="ISO 3166, like RU; * is every country.")]
Class = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z_]{1,32})$")]
RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,79}$")]
Moment = Annotated[AwareDatetime, AfterValidator(_not_past)]
Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=WORDS_CHARACTERS_MAX, pattern=r"^[^\x00]*$"),
]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RuleIn(_Asked):
    """A version to add: whole, never a difference. Two moments that are equal end the rule."""

    id: RuleId
    tenant_id: UUID | None = None
    tenant_class: Class = ANY
    category: Literal["service", "utility", "authentication", "marketing", "*"]
    country: Country = ANY
    channel: Literal["whatsapp", "*"] = "whatsapp"
    outcome: Outcome
    is_final: bool = False
    citation: Words
    note_en: Words
    note_ru: Words
    effective_from: Moment | None = None
    effective_to: Moment | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.is_final and self.outcome == "allow":
            raise _of_field("is_final", "only a refusal is final: nothing could refuse any more", self.is_final)
        if self.tenant_id is not None and self.tenant_class != ANY:
            raise _of_field("tenant_class", "name the tenant or a class, not both", self.tenant_class)
        begins = self.effective_from or clock.now()
        if self.effective_to is not None and self.effective_to < begins:
            raise _of_field("effective_to", "the rule would be over before it begins", str(self.effective_to))
        return self

    def draft(self) -> Draft:
        is_end = self.effective_from is not None and self.effective_from == self.effective_to
        return Draft(**self.model_dump() | ({"effective_to": None, "is_end": True} if is_end else {}))


class EndIn(_Asked):
    """When a rule ends (now, if it is left out), and why."""

    at: Moment | None = None
    reason: Reason


class AdvertisingIn(_Asked):
    """Where a tenant may advertise, and on which legal basis. '*' does not include what has a rule of its own: RU."""

    countries: Annotated[list[Country], Field(min_length=1, max_length=COUNTRIES_MAX)]
    legal_basis: Words
    effective_to: Moment | None = None


class RevokeIn(_Asked):
    reason: Reason


class RulesAsked(_Asked):
    """Which rules: those in force (at a moment), or every version."""

    at: AwareDatetime | None = None
    all: bool = False


class RuleOut(BaseModel):
    """One version; the highest one of an id that has begun counts."""

    id: str
    version: int
    tenant_id: UUID | None
    tenant_class: str
    category: str
    country: str
    channel: str
    outcome: Outcome
    is_final: bool
    citation: str
    note_en: str
    note_ru: str
    effective_from: datetime
    effective_to: datetime | None
    made_by: str
    made_at: datetime
    approval_id: UUID | None


class Rules(BaseModel):
    data: list[RuleOut]


class Made(BaseModel):
    """The version that counts (201), or the request that a second person must approve first (202)."""

    rule: RuleOut | None
    approval: ApprovalAnswer | None


class Advertising(BaseModel):
    """Where a tenant may advertise now, by which rules, and what waits for a second person."""

    tenant_id: UUID
    is_enabled: bool
    countries: list[str]
    rules: list[RuleOut]
    approvals: list[ApprovalAnswer]


def rule_out(row: Any) -> RuleOut:
    return RuleOut.model_validate(row, from_attributes=True)


def _of_field(name: str, what_to_do: str, value: object) -> ValidationError:
    """An error of one field that only shows beside another one."""
    detail = InitErrorDetails(type=unacceptable(what_to_do), loc=(name,), input=value)
    return ValidationError.from_exception_data("RuleIn", [detail])
