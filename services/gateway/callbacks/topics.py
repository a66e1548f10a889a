"""The topics of facts, and the filters by which an endpoint chooses among them."""

from collections.abc import Sequence

from services.gateway.callbacks.errors import BadTopic

NOTICE_TOPIC = "callback_endpoint.disabled"
TEST_TOPIC = "callback_endpoint.test"

STATUS_TOPICS = tuple(f"statuses.{status}" for status in ("sent", "delivered", "read", "failed"))

#: Meta's webhook fields that are passed on as they are (whatsapp-cloud-api 3.3).
PLATFORM_TOPICS = (
    "account_alerts",
    "account_review_update",
    "account_settings_update",
    "account_update",
    "business_capability_update",
    "message_template_components_update",
    "message_template_quality_update",
    "message_template_status_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "security",
    "template_category_update",
    "template_correct_category_detection",
    "user_id_update",
    "user_preferences",
)

#: Everything that may stand in a filter. A filter takes its own topic and all that follow it after a dot.
TOPICS = tuple(
    sorted({"messages", "statuses", *STATUS_TOPICS, "callback_endpoint", NOTICE_TOPIC, TEST_TOPIC, *PLATFORM_TOPICS})
)


def check_filter(topics: Sequence[str]) -> list[str]:
    """The filter without repetitions; raises BadTopic, which lists what may be given."""
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown:
        raise BadTopic(f"events: {unknown[0][:80]!r} is no topic; give some of: {', '.join(TOPICS)}")
    return list(dict.fromkeys(topics))
