"""The latest truth about tenants, their numbers and their keys, published by the gateway (compacted)."""

from typing import Literal

import msgspec

from services.kernel.contracts.base import Event, Topic, event

TENANTS = Topic(
    name="tenants",
    owner="gateway",
    consumers=frozenset({"gateway", "webhook", "consent", "billing", "dashboard"}),
    purpose="The latest state of each tenant and number; readers ignore lower versions.",
    compacted=True,
)


class SealedServiceKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Sealed to one service's X25519 key: the tenant's index key, and that service's own data key."""

    index_key: bytes
    data_key_id: str
    data_key: bytes


@event(TENANTS, "tenant.changed.v1", key="entity")
class TenantChanged(Event, frozen=True, kw_only=True):
    """A tenant as it is now; `entity` is "tenant:{id}", the compaction key."""

    entity: str
    version: int
    name: str
    state: Literal["active", "suspended"]
    tenant_class: str
    zone: str
    public_key: bytes
    service_keys: dict[str, SealedServiceKeys]
    stop_words: tuple[str, ...] = ()
    start_words: tuple[str, ...] = ()


@event(TENANTS, "number.changed.v1", key="entity")
class NumberChanged(Event, frozen=True, kw_only=True):
    """A WhatsApp number as it is now; `entity` is "number:{phone_number_id}".

    `display_index` is the keyed index of the number itself: some of Meta's webhooks name only that. The numbers of a
    test twin have the mode `test`: their upstream is the sandbox.
    """

    entity: str
    version: int
    phone_number_id: str
    waba_id: str
    state: Literal["active", "suspended"]
    mode: Literal["live", "test"] = "live"
    display_index: str = ""
