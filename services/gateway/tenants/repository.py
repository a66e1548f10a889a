"""The SQL of tenants and their numbers, and of who holds an API key."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_ADD_TENANT = text("""
    insert into tenants (id, parent_tenant_id, name, class, zone)
    values (:id, :parent, :name, :tenant_class, :zone)
""")
_TENANT = text("""
    select id, name, class as tenant_class, state, zone, version, mode, stop_words, start_words
      from tenants where id = :tenant_id
""")
_ADD_NUMBER = text("""
    insert into numbers
        (phone_number_id, tenant_id, mode, waba_id, display_phone_number, access_token, messages_per_second)
    values (:phone_number_id, :tenant_id, :mode, :waba_id, :display_phone_number, :access_token, :messages_per_second)
    on conflict (phone_number_id) do nothing
    returning version
""")
_NUMBERS = text("""
    select phone_number_id, tenant_id, waba_id, display_phone_number, access_token, state, messages_per_second, mode
      from numbers
     where phone_number_id = any(cast(:phone_number_ids as text[]))
""")
# A test twin is as suspended as its parent.
_OWNERS_OF_API_KEYS = text("""
    select k.key_hash, k.id as key_id, k.tenant_id, k.mode, k.scopes, k.networks, k.valid_from, k.valid_until,
           k.rate_per_second, case p.state when 'suspended' then p.state else t.state end as tenant_state
      from api_keys k
      join tenants t on t.id = k.tenant_id
      left join tenants p on p.id = t.parent_tenant_id and t.mode = 'test'
     where k.key_hash = any(cast(:key_hashes as bytea[]))
       and k.revoked_at is null
""")


async def add_tenant(connection: AsyncConnection, values: dict[str, Any]) -> None:
    await connection.execute(_ADD_TENANT, values)


async def tenant(connection: AsyncConnection, tenant_id: UUID) -> Row[Any] | None:
    return (await connection.execute(_TENANT, {"tenant_id": tenant_id})).one_or_none()


async def add_number(connection: AsyncConnection, values: dict[str, Any]) -> int | None:
    """Returns the version, or None when the number exists."""
    return (await connection.execute(_ADD_NUMBER, values)).scalar_one_or_none()


async def numbers(connection: AsyncConnection, phone_number_ids: Sequence[str]) -> Sequence[Row[Any]]:
    """Those of them that exist."""
    return (await connection.execute(_NUMBERS, {"phone_number_ids": list(phone_number_ids)})).all()


async def owners_of_api_keys(connection: AsyncConnection, key_hashes: Sequence[bytes]) -> Sequence[Row[Any]]:
    """The keys among these that are not revoked, each with its tenant."""
    return (await connection.execute(_OWNERS_OF_API_KEYS, {"key_hashes": list(key_hashes)})).all()
