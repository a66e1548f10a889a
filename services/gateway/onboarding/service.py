"""Bringing a tenant in: itself, its first API key and its callback secret, in one transaction."""

from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.api_keys.service import Desk
from services.gateway.callbacks import service as callbacks
from services.gateway.keys.service import Keyring
from services.gateway.tenants import service as tenants

FIRST_KEY = "First key"


@dataclass(frozen=True, slots=True)
class NewTenant:
    """The two secrets are shown once."""

    id: UUID
    api_key: str = field(repr=False)
    callback_secret: str = field(repr=False)


async def create_tenant(
    connection: AsyncConnection,
    keyring: Keyring,
    *,
    name: str,
    tenant_class: str,
    zone: str,
    desk: Desk,
) -> NewTenant:
    """A tenant that can post as soon as the transaction commits."""
    tenant_id = await tenants.create_tenant(
        connection, keyring, name=name, tenant_class=tenant_class, zone=zone, box_public_keys=desk.box_public_keys
    )
    issued = await desk.issue(connection, tenant_id, name=FIRST_KEY)
    return NewTenant(tenant_id, issued.api_key, await callbacks.create_secret(connection, keyring, tenant_id))
