"""Facts about how outgoing messages ended, published by the gateway."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Topic, event

OUTCOMES = Topic(
    name="outcomes",
    owner="gateway",
    consumers=frozenset({"consent", "billing"}),
    purpose="What became of a message where its named reports alone do not say it.",
)


@event(OUTCOMES, "message.failed.v1", key="person")
class MessageFailed(Event, frozen=True, kw_only=True):
    """The message will not be delivered: Meta refused it, or nothing was heard of an ambiguous send."""

    message_id: UUID
    person: str
    code: int
    reason: str


@event(OUTCOMES, "message.expired.v1", key="person")
class MessageExpired(Event, frozen=True, kw_only=True):
    """The message outlived its time without a report; later evidence of delivery still wins."""

    message_id: UUID
    person: str


@event(OUTCOMES, "message.reported.v1", key="message_id")
class MessageReported(Event, frozen=True, kw_only=True):
    """Meta reported under its own id alone, and we know now which message that is."""

    message_id: UUID
    status: Literal["delivered", "read", "failed"]
