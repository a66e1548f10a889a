"""All SQL of the payments slice."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_IS_BOOKED = text("select exists (select 1 from transfers where tenant_id = :tenant_id and reference = :reference)")


async def is_booked(connection: AsyncConnection, tenant_id: UUID, reference: str) -> bool:
    """Whether something was booked under this reference, whatever its amount."""
    return bool(await connection.scalar(_IS_BOOKED, {"tenant_id": tenant_id, "reference": reference}))
