"""The words of Meta's reports, read as tolerantly as Meta writes them (whatsapp-cloud-api 3.6, 3.7)."""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from services.webhook.parts.service import LATEST_UNIX_SECONDS

#: A word of one of Meta's open lists; anything else might be content and does not travel in clear.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:\-]{0,99}")
DIGITS = re.compile(r"[0-9]{1,32}")
REGION = re.compile(r"[A-Za-z][A-Za-z ,.&'()\-]{0,99}")
DATE_FORMATS = ("%B %d, %Y", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z")
OTHER = "OTHER"

#: As Meta lets them be made: what is written otherwise is no name and does not travel in clear.
TemplateName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,512}\Z")]
Language = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z]{2,4})*\Z")]

#: What Meta writes now as text and now as a number.
Scalar = str | int | float | bool | None


def word(value: Scalar) -> str | None:
    """One of Meta's words in capitals, OTHER for text that is none, None where there is none."""
    if value is None or value == "":
        return None
    text = str(value)
    return text.upper() if WORD.fullmatch(text) else OTHER


def some_word(value: Scalar) -> str:
    """The same of something that is never missing."""
    return word(value) or OTHER


def region(value: Scalar) -> str | None:
    """The name of a country or region, which is more than a word."""
    return str(value) if value and REGION.fullmatch(str(value)) else None


def meta_id(value: Scalar) -> str | None:
    """One of Meta's ids, which are digits."""
    return str(value) if value is not None and DIGITS.fullmatch(str(value)) else None


def moment(value: Scalar) -> datetime | None:
    """A time: Unix seconds as number or text, or a date as text, which is the beginning of that day in UTC."""
    if isinstance(value, bool) or value is None:
        return None
    text = str(value).strip()
    if DIGITS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC) if 0 < int(text) <= LATEST_UNIX_SECONDS else None
    for pattern in DATE_FORMATS:
        try:
            found = datetime.strptime(text, pattern)  # noqa: DTZ007  # a date has no zone
        except ValueError:
            continue
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None


class TemplateNamed(msgspec.Struct, frozen=True, kw_only=True):
    """What every report about a template has."""

    message_template_name: TemplateName
    message_template_language: Language
    message_template_id: Scalar = None

    @property
    def named(self) -> dict[str, str | None]:
        return {
            "template_id": meta_id(self.message_template_id),
            "name": self.message_template_name,
            "language": self.message_template_language,
        }


class DisableInfo(msgspec.Struct, frozen=True, kw_only=True):
    disable_date: Scalar = None


class OtherInfo(msgspec.Struct, frozen=True, kw_only=True):
    title: Scalar = None


class TemplateStatus(TemplateNamed, frozen=True, kw_only=True):
    event: str
    message_template_category: Scalar = None
    reason: Scalar = None
    disable_info: DisableInfo | None = None
    other_info: OtherInfo | None = None


class TemplateQuality(TemplateNamed, frozen=True, kw_only=True):
    new_quality_score: str
    previous_quality_score: Scalar = None


class TemplateCategory(TemplateNamed, frozen=True, kw_only=True):
    new_category: Scalar = None
    previous_category: Scalar = None
    correct_category: Scalar = None
    category: Scalar = None
    category_update_timestamp: Scalar = None


class NumberQuality(msgspec.Struct, frozen=True, kw_only=True):
    display_phone_number: str
    event: str
    current_limit: Scalar = None
    old_limit: Scalar = None
    max_daily_conversations_per_business: Scalar = None


class NumberName(msgspec.Struct, frozen=True, kw_only=True):
    display_phone_number: str
    decision: str
    rejection_reason: Scalar = None


class NumberSecurity(msgspec.Struct, frozen=True, kw_only=True):
    display_phone_number: str
    event: str


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    phone_number_id: str | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Meta names the number in one of these places, or none: then the whole account is meant."""

    metadata: Metadata | None = None
    phone_number_settings: Metadata | None = None


class ErrorItem(msgspec.Struct, frozen=True, kw_only=True):
    code: Scalar = None


class WabaInfo(msgspec.Struct, frozen=True, kw_only=True):
    waba_id: Scalar = None
    owner_business_id: Scalar = None
    partner_app_id: Scalar = None
    solution_id: Scalar = None


class DisconnectionInfo(msgspec.Struct, frozen=True, kw_only=True):
    reason: Scalar = None
    initiated_by: Scalar = None


class ViolationInfo(msgspec.Struct, frozen=True, kw_only=True):
    violation_type: Scalar = None


class RestrictionInfo(msgspec.Struct, frozen=True, kw_only=True):
    restriction_type: Scalar = None
    expiration: Scalar = None


class BanInfo(msgspec.Struct, frozen=True, kw_only=True):
    waba_ban_state: Scalar = None
    waba_ban_date: Scalar = None


class CertificationInfo(msgspec.Struct, frozen=True, kw_only=True):
    status: Scalar = None


class VolumeTierInfo(msgspec.Struct, frozen=True, kw_only=True):
    tier_update_time: Scalar = None
    pricing_category: Scalar = None
    tier: Scalar = None
    effective_month: Scalar = None
    region: Scalar = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    event: str
    waba_info: WabaInfo | None = None
    violation_info: ViolationInfo | None = None
    restriction_info: tuple[RestrictionInfo, ...] | None = None
    ban_info: BanInfo | None = None
    disconnection_info: DisconnectionInfo | None = None
    partner_client_certification_info: CertificationInfo | None = None
    volume_tier_info: VolumeTierInfo | None = None
    country: Scalar = None


class Review(msgspec.Struct, frozen=True, kw_only=True):
    decision: str


class AlertInfo(msgspec.Struct, frozen=True, kw_only=True):
    alert_severity: Scalar = None
    alert_status: Scalar = None
    alert_type: Scalar = None


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Older reports have the members of `alert_info` beside it."""

    entity_type: Scalar = None
    alert_severity: Scalar = None
    alert_status: Scalar = None
    alert_type: Scalar = None
    alert_info: AlertInfo | None = None


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    max_daily_conversations_per_business: Scalar = None
    max_daily_conversation_per_phone: Scalar = None
    max_phone_numbers_per_business: Scalar = None
    max_phone_numbers_per_waba: Scalar = None
