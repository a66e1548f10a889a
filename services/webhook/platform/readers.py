"""What each field of a WABA says: the fact to make of it, and whom it is about (whatsapp-cloud-api 3.6, 3.7)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from services.kernel.contracts import platform as facts
from services.webhook.platform import shapes
from services.webhook.platform.shapes import meta_id, moment, region, some_word, word

TEMPLATE_STATUS, TEMPLATE_QUALITY = "message_template_status_update", "message_template_quality_update"


class Told(NamedTuple):
    """A fact without what all facts have; `waba_id`, `display` or `phone_number_id` say whom Meta means, if it does."""

    fact: type[facts.Said]
    fields: dict[str, Any]
    waba_id: str | None = None
    display: str | None = None
    phone_number_id: str | None = None


T = TypeVar("T")
Reader = Callable[[msgspec.Raw], Told]


def _decoder(shape: type[T]) -> "msgspec.json.Decoder[T]":
    return msgspec.json.Decoder(shape, strict=False)


_statuses = _decoder(shapes.TemplateStatus)
_qualities = _decoder(shapes.TemplateQuality)
_components = _decoder(shapes.TemplateNamed)
_categories = _decoder(shapes.TemplateCategory)
_number_qualities = _decoder(shapes.NumberQuality)
_number_names = _decoder(shapes.NumberName)
_securities = _decoder(shapes.NumberSecurity)
_settings = _decoder(shapes.Settings)
_accounts = _decoder(shapes.Account)
_reviews = _decoder(shapes.Review)
_alerts = _decoder(shapes.Alert)
_capabilities = _decoder(shapes.Capability)


def _template_status(raw: msgspec.Raw) -> Told:
    said = _statuses.decode(raw)
    own = {
        "status": some_word(said.event),
        "category": word(said.message_template_category),
        "reason": word(said.reason),
        "title": word(said.other_info.title) if said.other_info else None,
        "disabled_at": moment(said.disable_info.disable_date) if said.disable_info else None,
    }
    return Told(facts.TemplateStatusChanged, said.named | own)


def _template_quality(raw: msgspec.Raw) -> Told:
    said = _qualities.decode(raw)
    own = {"previous": word(said.previous_quality_score), "quality": some_word(said.new_quality_score)}
    return Told(facts.TemplateQualityChanged, said.named | own)


def _template_components(raw: msgspec.Raw) -> Told:
    return Told(facts.TemplateComponentsChanged, dict(_components.decode(raw).named))


def _template_category(raw: msgspec.Raw) -> Told:
    said = _categories.decode(raw)
    own = {
        "category": word(said.new_category or said.category),
        "previous_category": word(said.previous_category),
        "correct_category": word(said.correct_category),
        "changes_at": moment(said.category_update_timestamp),
    }
    return Told(facts.TemplateCategoryChanged, said.named | own)


def _number_quality(raw: msgspec.Raw) -> Told:
    said = _number_qualities.decode(raw)
    own = {
        "event": some_word(said.event),
        "limit": word(said.current_limit or said.max_daily_conversations_per_business),
        "previous_limit": word(said.old_limit),
    }
    return Told(facts.NumberQualityChanged, own, display=said.display_phone_number)


def _number_name(raw: msgspec.Raw) -> Told:
    said = _number_names.decode(raw)
    own = {"decision": some_word(said.decision), "reason": word(said.rejection_reason)}
    return Told(facts.NumberNameChanged, own, display=said.display_phone_number)


def _number_security(raw: msgspec.Raw) -> Told:
    said = _securities.decode(raw)
    return Told(facts.NumberSecurityNoticed, {"event": some_word(said.event)}, display=said.display_phone_number)


def _account_settings(raw: msgspec.Raw) -> Told:
    said = _settings.decode(raw)
    named = [place.phone_number_id for place in (said.phone_number_settings, said.metadata) if place]
    return Told(facts.AccountSettingsChanged, {}, phone_number_id=next(filter(None, named), None))


def _account(raw: msgspec.Raw) -> Told:
    said = _accounts.decode(raw)
    own = {
        "event": some_word(said.event),
        "violation": word(said.violation_info.violation_type) if said.violation_info else None,
        "restrictions": tuple(_restriction(one) for one in said.restriction_info or ()),
        "ban": _ban(said.ban_info) if said.ban_info else None,
        "partnership": _partnership(said),
        "volume_tier": _volume_tier(said.volume_tier_info) if said.volume_tier_info else None,
        "certification_status": _certification(said),
        "country": word(said.country),
    }
    return Told(facts.AccountUpdated, own, waba_id=meta_id(said.waba_info.waba_id) if said.waba_info else None)


def _restriction(said: shapes.RestrictionInfo) -> facts.Restriction:
    return facts.Restriction(type=some_word(said.restriction_type), expires_at=moment(said.expiration))


def _ban(said: shapes.BanInfo) -> facts.Ban:
    return facts.Ban(state=some_word(said.waba_ban_state), at=moment(said.waba_ban_date))


def _partnership(said: shapes.Account) -> facts.Partnership | None:
    if said.waba_info is None and said.disconnection_info is None:
        return None
    shared, ended = said.waba_info or shapes.WabaInfo(), said.disconnection_info or shapes.DisconnectionInfo()
    return facts.Partnership(
        owner_business_id=meta_id(shared.owner_business_id),
        partner_app_id=meta_id(shared.partner_app_id),
        solution_id=meta_id(shared.solution_id),
        disconnection_reason=word(ended.reason),
        initiated_by=word(ended.initiated_by),
    )


def _volume_tier(said: shapes.VolumeTierInfo) -> facts.VolumeTier:
    return facts.VolumeTier(
        category=word(said.pricing_category),
        tier=word(said.tier),
        month=word(said.effective_month),
        region=region(said.region),
        updated_at=moment(said.tier_update_time),
    )


def _certification(said: shapes.Account) -> str | None:
    return word(said.partner_client_certification_info.status) if said.partner_client_certification_info else None


def _review(raw: msgspec.Raw) -> Told:
    return Told(facts.AccountReviewed, {"decision": some_word(_reviews.decode(raw).decision)})


def _alert(raw: msgspec.Raw) -> Told:
    said = _alerts.decode(raw)
    inside = said.alert_info or shapes.AlertInfo()
    own = {
        "entity": word(said.entity_type),
        "severity": word(inside.alert_severity or said.alert_severity),
        "status": word(inside.alert_status or said.alert_status),
        "type": word(inside.alert_type or said.alert_type),
    }
    return Told(facts.AccountAlerted, own)


def _capability(raw: msgspec.Raw) -> Told:
    said = _capabilities.decode(raw)
    a_day = said.max_daily_conversations_per_business or said.max_daily_conversation_per_phone
    numbers = meta_id(said.max_phone_numbers_per_business or said.max_phone_numbers_per_waba)
    own = {"conversations_a_day": word(a_day), "numbers": int(numbers) if numbers and len(numbers) < 10 else None}
    return Told(facts.AccountCapabilityChanged, own)


#: Fields whose value says one thing about a WABA, its templates or one of its numbers.
READERS: Mapping[str, Reader] = {
    TEMPLATE_STATUS: _template_status,
    TEMPLATE_QUALITY: _template_quality,
    "message_template_components_update": _template_components,
    "template_category_update": _template_category,
    "template_correct_category_detection": _template_category,
    "phone_number_quality_update": _number_quality,
    "phone_number_name_update": _number_name,
    "security": _number_security,
    "account_settings_update": _account_settings,
    "account_update": _account,
    "account_review_update": _review,
    "account_alerts": _alert,
    "business_capability_update": _capability,
}
