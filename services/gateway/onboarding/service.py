"""Bringing a tenant in: itself, its first API key and its callback secret, in one transaction."""

from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import service as callbacks
from services.gateway.keys.service import Keyring
from services.gateway.tenants import service as tenants


class NewTenant(NamedTuple):
    """The two secrets are shown once."""

    id: UUID
    api_key: str
    callback_secret: str


async def create_tenant(
    connection: AsyncConnection,
    keyring: Keyring,
    *,
    name: str,
    tenant_class: str,
    zone: str,
    box_public_keys: Mapping[str, bytes],
    pepper: bytes,
) -> NewTenant:
    """A tenant that can post as soon as the transaction commits."""
    tenant_id = await tenants.create_tenant(
        connection, keyring, name=name, tenant_class=tenant_class, zone=zone, box_public_keys=box_public_keys
    )
    api_key = await tenants.create_api_key(connection, tenant_id, pepper=pepper)
    return NewTenant(tenant_id, api_key, await callbacks.create_secret(connection, keyring, tenant_id))
