"""What a staff act on tenants can be refused for."""

from uuid import UUID

from services.kernel.errors import Conflict, NotFound, Unprocessable


class TenantNotFound(NotFound):
    def __init__(self, tenant_id: UUID) -> None:
        super().__init__(f"there is no tenant {tenant_id}")


class NumberExists(Conflict):
    """A phone_number_id belongs to one tenant for ever; moving it is an act of its own."""

    def __init__(self, phone_number_id: str) -> None:
        super().__init__(f"the number {phone_number_id} is registered already")


class OtherMode(Unprocessable):
    def __init__(self, mode: str) -> None:
        super().__init__(f"mode: this tenant's numbers are all of mode {mode}")
