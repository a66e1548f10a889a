"""Which fields of Meta's objects may be asked for, and who knows them (whatsapp-cloud-api 2.4 and 2.5)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.gateway.graph.errors import InvalidParameter

FIELDS_CHARACTERS_MAX = 2_000


class Fields(NamedTuple):
    """Of one kind of object: `own` are ours, `metas` are passed on from Meta; `withheld` exist there and are left out.

    Withheld are those that speak of the operator's own set-up at Meta, and those that we do not keep: a client may ask
    for them, and gets an answer without them, as Meta leaves out what has no value.
    """

    kind: str
    own: tuple[str, ...]
    metas: tuple[str, ...]
    withheld: frozenset[str]
    default: tuple[str, ...]

    def chosen(self, given: str | None) -> tuple[str, ...]:
        """What `fields=` names, each once; raises InvalidParameter that names what does not exist."""
        if not given:
            return self.default
        if len(given) > FIELDS_CHARACTERS_MAX:
            raise InvalidParameter(f"fields: more than {FIELDS_CHARACTERS_MAX} characters; ask for less.")
        names = list(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
        unknown = [name for name in names if name not in self.own + self.metas and name not in self.withheld]
        if unknown:
            raise InvalidParameter(
                f"fields: {', '.join(unknown)} is not known for {self.kind}; choose from "
                f"{', '.join(self.own + self.metas)}."
            )
        return tuple(name for name in names if name not in self.withheld)


NUMBER = Fields(
    kind="a phone number",
    own=("id", "display_phone_number"),
    metas=(
        "verified_name", "status", "quality_rating", "code_verification_status", "name_status", "platform_type",
        "throughput", "account_mode", "is_official_business_account", "whatsapp_business_manager_messaging_limit",
        "messaging_limit_tier", "health_status", "country_code", "country_dial_code",
    ),
    withheld=frozenset({
        "webhook_configuration", "certificate", "new_certificate", "conversational_automation", "quality_score",
        "new_name_status", "is_on_biz_app", "is_pin_enabled", "is_preverified_number", "search_visibility",
        "eligibility_for_api_business_global_search", "last_onboarded_time", "host_platform", "unified_cert_status",
        "username",
    }),
    default=("id", "display_phone_number", "verified_name", "quality_rating", "code_verification_status",
             "platform_type", "throughput"),
)  # fmt: skip

ACCOUNT = Fields(
    kind="a WhatsApp Business Account",
    own=("id",),
    metas=(
        "name", "timezone_id", "message_template_namespace", "status", "account_review_status",
        "business_verification_status", "country", "currency", "primary_business_location", "health_status",
    ),
    withheld=frozenset({
        "on_behalf_of_business_info", "owner_business_info", "owner_business", "subscribed_apps", "ownership_type",
        "is_enabled_for_insights", "marketing_messages_lite_api_status", "marketing_messages_onboarding_status",
        "disable_marketing_messages_on_cloud_api", "purchase_order_number", "assigned_users",
    }),
    default=("id", "name", "timezone_id", "message_template_namespace"),
)  # fmt: skip

TEMPLATE = Fields(
    kind="a template",
    own=("id", "name", "parameter_format", "components", "language", "status", "category", "rejected_reason",
         "quality_score"),
    metas=(),
    withheld=frozenset({
        "message_send_ttl_seconds", "correct_category", "previous_category",
        "library_template_name", "cta_url_link_tracking_opted_out", "sub_category",
        "degrees_of_freedom_spec",
    }),
    default=("name", "parameter_format", "components", "language", "status", "category", "id"),
)  # fmt: skip

_PROFILE = ("about", "address", "description", "email", "profile_picture_url", "websites", "vertical")
PROFILE = Fields(
    kind="a business profile",
    own=(),
    metas=("messaging_product", *_PROFILE),
    withheld=frozenset({"id"}),
    default=("messaging_product", *_PROFILE),
)

_OWN_ENTITIES = frozenset({"PHONE_NUMBER", "WABA"})


def picked(body: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Of Meta's answer only what was asked for; of its health only what is the tenant's, not our app and business."""
    found = {name: body[name] for name in names if name in body}
    health = found.get("health_status")
    if isinstance(health, dict) and isinstance(health.get("entities"), list):
        own = [one for one in health["entities"] if isinstance(one, dict) and one.get("entity_type") in _OWN_ENTITIES]
        found["health_status"] = {"can_send_message": health.get("can_send_message"), "entities": own}
    elif health is not None:
        del found["health_status"]
    return found
