"""What Meta says about templates, numbers, accounts and people's preferences, published by webhook."""

from typing import Literal
from uuid import UUID

import msgspec

from services.kernel.contracts.base import Event, Moment, Topic, event

PLATFORM = Topic(
    name="platform",
    owner="webhook",
    consumers=frozenset({"gateway", "consent", "dashboard"}),
    purpose="Everything Meta says outside messages and statuses.",
)

Preference = Literal["stop", "resume", "signup"]


class Said(Event, frozen=True, kw_only=True):
    """What all of these have in common.

    `field` is Meta's name of the webhook field. `sealed_value` is Meta's own JSON of the value, sealed with webhook's
    data key at Place(tenant_id, "platform", "value", str(id)). `entry_time` is Meta's time of the report, where it
    names one; `occurred_at` is that time, else the one of the value itself, else the UTC day on which it was heard.
    Words of Meta's open lists (events, reasons, scores) stand as Meta wrote them, in capitals.
    """

    field: str
    waba_id: str
    entry_time: Moment | None
    sealed_value: bytes


class SaidOfTemplate(Said, frozen=True, kw_only=True):
    """A template is known by name and language; `template_id` is Meta's."""

    template_id: str | None
    name: str
    language: str


class SaidOfNumber(Said, frozen=True, kw_only=True):
    """`phone_number_id` is None where Meta speaks of the account only."""

    phone_number_id: str | None


@event(PLATFORM, "template.status_changed.v1", key="waba_id")
class TemplateStatusChanged(SaidOfTemplate, frozen=True, kw_only=True):
    """Meta approved, rejected, paused, ... a template (`status`: APPROVED, PAUSED, DISABLED, ...)."""

    status: str
    category: str | None
    reason: str | None
    title: str | None
    disabled_at: Moment | None


@event(PLATFORM, "template.quality_changed.v1", key="waba_id")
class TemplateQualityChanged(SaidOfTemplate, frozen=True, kw_only=True):
    """The quality score of a template moved (GREEN, YELLOW, RED, UNKNOWN)."""

    previous: str | None
    quality: str


@event(PLATFORM, "template.components_changed.v1", key="waba_id")
class TemplateComponentsChanged(SaidOfTemplate, frozen=True, kw_only=True):
    """The text or the buttons of a template are others now; they stand in the sealed value."""


@event(PLATFORM, "template.category_changed.v1", key="waba_id")
class TemplateCategoryChanged(SaidOfTemplate, frozen=True, kw_only=True):
    """A template's category is announced to change, or has changed.

    `category` is the present one in both cases. Announced: `correct_category` will be it from `changes_at` on. Done:
    `previous_category` was it.
    """

    category: str | None
    previous_category: str | None
    correct_category: str | None
    changes_at: Moment | None


@event(PLATFORM, "number.quality_changed.v1", key="waba_id")
class NumberQualityChanged(SaidOfNumber, frozen=True, kw_only=True):
    """A number's standing or its messaging limit moved (`event`: FLAGGED, THROUGHPUT_UPGRADE, ...; TIER_2K, ...)."""

    event: str
    limit: str | None
    previous_limit: str | None


@event(PLATFORM, "number.name_changed.v1", key="waba_id")
class NumberNameChanged(SaidOfNumber, frozen=True, kw_only=True):
    """Meta decided about a number's display name; the name stands in the sealed value."""

    decision: str
    reason: str | None


@event(PLATFORM, "number.errors_reported.v1", key="waba_id")
class NumberErrorsReported(SaidOfNumber, frozen=True, kw_only=True):
    """Meta reported an error of a number that belongs to no message; `code` is Meta's."""

    code: int | None


@event(PLATFORM, "number.security_noticed.v1", key="waba_id")
class NumberSecurityNoticed(SaidOfNumber, frozen=True, kw_only=True):
    """Somebody asked for, or changed, a number's PIN (`event`: PIN_CHANGED, PIN_RESET_REQUEST, ...)."""

    event: str


class Restriction(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may not do, and until when."""

    type: str
    expires_at: Moment | None


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is SCHEDULE_FOR_DISABLE, DISABLE or REINSTATE; `at` is the day (UTC) that Meta names."""

    state: str
    at: Moment | None


class VolumeTier(msgspec.Struct, frozen=True, kw_only=True):
    """The position in Meta's volume ladder; of two reports about a month the smaller `updated_at` rules."""

    category: str | None
    tier: str | None
    month: str | None
    region: str | None
    updated_at: Moment | None


class Partnership(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of Meta's business portfolios, apps and solutions; of an end of partnership also its reason."""

    owner_business_id: str | None
    partner_app_id: str | None
    solution_id: str | None
    disconnection_reason: str | None
    initiated_by: str | None


@event(PLATFORM, "account.updated.v1", key="waba_id")
class AccountUpdated(Said, frozen=True, kw_only=True):
    """An account was violated, restricted, banned, shared, priced anew, ...: `event` names it, one block tells more."""

    event: str
    violation: str | None = None
    restrictions: tuple[Restriction, ...] = ()
    ban: Ban | None = None
    partnership: Partnership | None = None
    volume_tier: VolumeTier | None = None
    certification_status: str | None = None
    country: str | None = None


@event(PLATFORM, "account.reviewed.v1", key="waba_id")
class AccountReviewed(Said, frozen=True, kw_only=True):
    """Meta reviewed an account (APPROVED, REJECTED, PENDING, DEFERRED)."""

    decision: str


@event(PLATFORM, "account.alerted.v1", key="waba_id")
class AccountAlerted(Said, frozen=True, kw_only=True):
    """Meta warns about an account; the description stands in the sealed value."""

    entity: str | None
    severity: str | None
    status: str | None
    type: str | None


@event(PLATFORM, "account.settings_changed.v1", key="waba_id")
class AccountSettingsChanged(SaidOfNumber, frozen=True, kw_only=True):
    """Settings of an account or a number changed; they stand in the sealed value."""


@event(PLATFORM, "account.capability_changed.v1", key="waba_id")
class AccountCapabilityChanged(Said, frozen=True, kw_only=True):
    """How many people a business may reach in a day (a tier or a number, as Meta says it), and its numbers at most."""

    conversations_a_day: str | None
    numbers: int | None


@event(PLATFORM, "preference.changed.v1", key="person")
class PreferenceChanged(SaidOfNumber, frozen=True, kw_only=True):
    """A person stopped, resumed or signed up to a category of messages in WhatsApp itself; `occurred_at` is when."""

    person: str
    category: str
    value: Preference


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """One of a person's identities, as a keyed index."""

    kind: Literal["phone", "bsuid"]
    index: str


@event(PLATFORM, "person.renamed.v1", key="person")
class PersonRenamed(SaidOfNumber, frozen=True, kw_only=True):
    """A person has another phone number or BSUID now; `person` is the index by which its messages are keyed now.

    `inbound_id` is set where a `system` message said it: the tenant hears of that message.
    """

    person: str
    previous: Alias
    current: Alias
    inbound_id: UUID | None
