"""What can be wrong with a tenant's keys."""

from uuid import UUID

from services.kernel.errors import ServiceError


class NoSuchKey(ServiceError):
    """The tenant has no keys, or none with this id: it was destroyed, or the data is another tenant's."""

    code = "no_such_key"

    def __init__(self, tenant_id: UUID, key_id: UUID | None = None) -> None:
        super().__init__(f"tenant {tenant_id} has no key {key_id or 'at all'}")
