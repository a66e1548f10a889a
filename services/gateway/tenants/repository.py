"""The SQL of tenants, their numbers and their API keys."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_ADD_TENANT = text("""
    insert into tenants (id, name, class, zone) values (:id, :name, :tenant_class, :zone) returning version
""")
_TENANT = text("select id, name, class, state, zone, version from tenants where id = :tenant_id")
_ADD_NUMBER = text("""
    insert into numbers
        (phone_number_id, tenant_id, waba_id, display_phone_number, access_token, messages_per_second)
    values (:phone_number_id, :tenant_id, :waba_id, :display_phone_number, :access_token, :messages_per_second)
    on conflict (phone_number_id) do nothing
    returning version
""")
_NUMBER = text("""
    select phone_number_id, tenant_id, waba_id, display_phone_number, access_token, state, messages_per_second
      from numbers
     where phone_number_id = :phone_number_id
""")
_ADD_API_KEY = text("""
    insert into api_keys (id, tenant_id, key_hash, prefix) values (:id, :tenant_id, :key_hash, :prefix)
""")
_OWNER_OF_API_KEY = text("""
    select k.id as key_id, k.tenant_id, t.state as tenant_state
      from api_keys k
      join tenants t on t.id = k.tenant_id
     where k.key_hash = :key_hash
       and k.revoked_at is null
""")


async def add_tenant(connection: AsyncConnection, *, tenant_id: UUID, name: str, tenant_class: str, zone: str) -> int:
    """Returns the version."""
    values = {"id": tenant_id, "name": name, "tenant_class": tenant_class, "zone": zone}
    return int((await connection.execute(_ADD_TENANT, values)).scalar_one())


async def tenant(connection: AsyncConnection, tenant_id: UUID) -> Row[Any] | None:
    return (await connection.execute(_TENANT, {"tenant_id": tenant_id})).one_or_none()


async def add_number(connection: AsyncConnection, values: dict[str, Any]) -> int | None:
    """Returns the version, or None when the number exists."""
    return (await connection.execute(_ADD_NUMBER, values)).scalar_one_or_none()


async def number(connection: AsyncConnection, phone_number_id: str) -> Row[Any] | None:
    return (await connection.execute(_NUMBER, {"phone_number_id": phone_number_id})).one_or_none()


async def add_api_key(
    connection: AsyncConnection, *, key_id: UUID, tenant_id: UUID, key_hash: bytes, prefix: str
) -> None:
    values = {"id": key_id, "tenant_id": tenant_id, "key_hash": key_hash, "prefix": prefix}
    await connection.execute(_ADD_API_KEY, values)


async def owner_of_api_key(connection: AsyncConnection, key_hash: bytes) -> Row[Any] | None:
    """The tenant of a key that is not revoked."""
    return (await connection.execute(_OWNER_OF_API_KEY, {"key_hash": key_hash})).one_or_none()
