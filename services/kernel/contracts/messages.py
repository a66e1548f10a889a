"""Facts about outgoing messages, published by the gateway."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Moment, Topic, event

MESSAGES = Topic(
    name="messages",
    owner="gateway",
    consumers=frozenset({"gateway", "consent", "billing"}),
    purpose="What became of a message: accepted from a tenant, sent to Meta, failed or expired.",
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

    `origin` is "confirmation" for the one answer of our own to a STOP or START.
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


@event(MESSAGES, "message.sent.v1", key="person")
class MessageSent(Event, frozen=True, kw_only=True):
    """Meta accepted the message; `wamid_index` is the keyed index of Meta's id."""

    message_id: UUID
    person: str
    attempt: int
    wamid_index: str


@event(MESSAGES, "message.failed.v1", key="person")
class MessageFailed(Event, frozen=True, kw_only=True):
    """The message will not be delivered: Meta refused it, or nothing was heard of an ambiguous send."""

    message_id: UUID
    person: str
    code: int
    reason: str


@event(MESSAGES, "message.expired.v1", key="person")
class MessageExpired(Event, frozen=True, kw_only=True):
    """The message outlived its time without a report; later evidence of delivery still wins."""

    message_id: UUID
    person: str
