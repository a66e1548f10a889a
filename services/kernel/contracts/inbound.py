"""What people write to tenants, published by webhook with the content sealed."""

from typing import Literal
from uuid import UUID

from services.kernel.contracts.base import Event, Topic, event, event_id

INBOUND = Topic(
    name="inbound",
    owner="webhook",
    consumers=frozenset({"gateway", "consent"}),
    purpose="A person wrote: signals travel in the open, the content is sealed to the tenant.",
)

Signal = Literal["stop", "start", "complaint", "ad_referral"]


@event(INBOUND, "inbound.received.v1", key="person")
class InboundReceived(Event, frozen=True, kw_only=True):
    """A person's message; `occurred_at` is Meta's time, `content` is sealed to the tenant's public key.

    `wamid` is Meta's id, sealed with webhook's data key: read marks, reactions and quotes need it again.
    `bsuid` is the keyed index of the person's BSUID where `person` is that of the phone number.
    """

    inbound_id: UUID
    phone_number_id: str
    person: str
    kind: str
    signals: tuple[Signal, ...]
    wamid_index: str
    wamid: bytes
    content: bytes
    bsuid: str | None = None


def inbound_id_of(tenant_id: UUID, wamid_index: str) -> UUID:
    """Our id of the inbound message that Meta's indexed id names."""
    return event_id(tenant_id, f"inbound:{wamid_index}")
