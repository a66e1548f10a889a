"""What consent learnt about people, published by consent."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Moment, Topic, event

CONVERSATIONS = Topic(
    name="conversations",
    owner="consent",
    consumers=frozenset({"gateway", "billing", "dashboard"}),
    purpose="Windows that opened and consents that were given or withdrawn.",
)

Purpose = Literal["service", "authentication", "marketing"]
Confirmation = Literal["stopped", "started"]


@event(CONVERSATIONS, "inbound.judged.v1", key="person")
class InboundJudged(Event, frozen=True, kw_only=True):
    """The window of an inbound message exists; only now may the tenant hear of the message.

    `confirm` asks the gateway to tell the person once what its STOP or START did.
    """

    inbound_id: UUID
    phone_number_id: str
    person: str
    window_expires_at: Moment
    confirm: Confirmation | None = None
    entry_point_expires_at: Moment | None = None


@event(CONVERSATIONS, "consent.given.v1", key="person")
class ConsentGiven(Event, frozen=True, kw_only=True):
    """A person agreed to one purpose; `consent_id` names the evidence."""

    consent_id: UUID
    person: str
    purpose: Purpose
    source: str


@event(CONVERSATIONS, "consent.withdrawn.v1", key="person")
class ConsentWithdrawn(Event, frozen=True, kw_only=True):
    """A person took a consent back (one purpose a fact)."""

    consent_id: UUID
    person: str
    purpose: Purpose
    source: str
