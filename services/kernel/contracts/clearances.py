"""Judgements about messages, published by consent."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Moment, Topic, event
from services.kernel.contracts.messages import Category, Kind, Lane

CLEARANCES = Topic(
    name="clearances",
    owner="consent",
    consumers=frozenset({"billing", "gateway"}),
    purpose="May this message go out, and on which ground.",
)

Basis = Literal["consent", "window"]


@event(CLEARANCES, "message.cleared.v1", key="person")
class MessageCleared(Event, frozen=True, kw_only=True):
    """The message may go out: a consent covers it, or the person's window is open.

    `policy` is the rule that allowed it ("id@version"). The whole trace in words stays with consent.
    """

    message_id: UUID
    person: str
    kind: Kind
    category: Category
    basis: Basis
    window_expires_at: Moment | None
    expires_at: Moment
    max_price_micros: int | None = None
    lane: Lane = "bulk"
    consent_id: UUID | None = None
    policy: str = ""
    entry_point_expires_at: Moment | None = None


@event(CLEARANCES, "message.refused.v1", key="person")
class MessageRefused(Event, frozen=True, kw_only=True):
    """The message must not go out; `code` is Meta's, `reason` is ours."""

    message_id: UUID
    person: str
    code: int
    reason: str
    lane: Lane = "bulk"
    policy: str = ""
