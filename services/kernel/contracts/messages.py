"""Facts about outgoing messages that were taken in, published by the gateway."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Moment, Topic, event

MESSAGES = Topic(
    name="messages",
    owner="gateway",
    consumers=frozenset({"gateway", "consent"}),
    purpose="A tenant's message was taken in.",
)

Category = Literal["service", "utility", "authentication", "marketing"]
Lane = Literal["express", "bulk"]
Origin = Literal["tenant", "confirmation"]
Kind = Literal[
    "text",
    "template",
    "interactive",
    "image",
    "video",
    "audio",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
]


@event(MESSAGES, "message.accepted.v1", key="person")
class MessageAccepted(Event, frozen=True, kw_only=True):
    """A tenant's message was taken in: from now on it is never lost.

    `origin` is "confirmation" for our own answer to a STOP, which passes although the person is silent since. Ours to
    a START is judged like any of the tenant's, and the next STOP stops it.
    """

    message_id: UUID
    phone_number_id: str
    person: str
    kind: Kind
    category: Category
    country: str
    lane: Lane
    expires_at: Moment
    body: bytes
    template_id: UUID | None = None
    template_version: int | None = None
    max_price_micros: int | None = None
    origin: Origin = "tenant"
