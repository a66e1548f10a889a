"""Meta's reports about messages, published by webhook."""

from typing import Literal
from uuid import UUID

import msgspec

from services.kernel.contracts.base import Event, Topic, event

STATUSES = Topic(
    name="statuses",
    owner="webhook",
    consumers=frozenset({"gateway", "billing", "consent"}),
    purpose="Meta said sent, delivered, read or failed.",
)

ReportedStatus = Literal["sent", "delivered", "read", "failed"]


class Pricing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Meta's own words about the charge (whatsapp-cloud-api 3.5)."""

    billable: bool | None = None
    pricing_model: str | None = None
    type: str | None = None
    category: str | None = None


@event(STATUSES, "status.reported.v1", key="routing_key", subject="status")
class StatusReported(Event, frozen=True, kw_only=True):
    """One report: `message_id` is ours where Meta echoed it.

    `routing_key` is our message id, else the wamid index: reports of one message stay in one partition.
    `details` is JSON {"status", "contact" | null} in Meta's own words, sealed with webhook's data key: it names people.
    """

    routing_key: str
    message_id: UUID | None
    wamid_index: str
    phone_number_id: str
    status: ReportedStatus
    pricing: Pricing | None = None
    error_code: int | None = None
    details: bytes | None = None
