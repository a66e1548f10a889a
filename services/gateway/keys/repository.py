"""The SQL of tenant keys: wrapped bytes, one row per purpose and version."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_OF_TENANT = text("""
    select id, purpose, version, wrapped, public_key
      from tenant_keys
     where tenant_id = :tenant_id
     order by purpose, version
""")
_ADD = text("""
    insert into tenant_keys (id, tenant_id, purpose, version, wrapped, public_key)
    values (:id, :tenant_id, :purpose, :version, :wrapped, :public_key)
""")


class WrappedKey(NamedTuple):
    id: UUID
    purpose: str
    version: int
    wrapped: bytes
    public_key: bytes | None = None


async def of_tenant(connection: AsyncConnection, tenant_id: UUID) -> list[WrappedKey]:
    """Every key of a tenant, oldest version first."""
    rows = await connection.execute(_OF_TENANT, {"tenant_id": tenant_id})
    return [WrappedKey(*row) for row in rows]


async def add(connection: AsyncConnection, tenant_id: UUID, keys: Sequence[WrappedKey]) -> None:
    await connection.execute(_ADD, [{"tenant_id": tenant_id, **key._asdict()} for key in keys])
