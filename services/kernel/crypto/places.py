"""Where a ciphertext lives that one service seals and another one opens; ids are texts as `str(UUID)` writes them."""

from uuid import UUID

from services.kernel.crypto.sealing import Place


def inbound_wamid(tenant_id: UUID, inbound_id: str) -> Place:
    """Meta's id of what a person wrote; under webhook's data key."""
    return Place(tenant_id, "inbound_messages", "wamid", inbound_id)


def status_details(tenant_id: UUID, event_id: str) -> Place:
    """Meta's own words of a status, by the id of the fact; under webhook's data key."""
    return Place(tenant_id, "statuses", "details", event_id)


def platform_value(tenant_id: UUID, event_id: str) -> Place:
    """What Meta said beside messages, by the id of the fact; under webhook's data key."""
    return Place(tenant_id, "platform", "value", event_id)


def inbound_content(inbound_id: str) -> str:
    """The context of the box in which a person's message is sealed to the tenant's public key."""
    return f"inbound:{inbound_id}"


def index_key_of(tenant_id: UUID, service: str) -> str:
    """The context of the box in which a service gets a tenant's index key."""
    return f"tenant:{tenant_id}:{service}:index"


def data_key_of(tenant_id: UUID, service: str) -> str:
    """The context of the box in which a service gets its own data key of a tenant."""
    return f"tenant:{tenant_id}:{service}:data"
