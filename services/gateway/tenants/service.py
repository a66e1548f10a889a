"""Tenants and their numbers: made by staff or as a test twin, looked up by every door."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.keys.service import Keyring
from services.gateway.places import number_column
from services.gateway.tenants import repository
from services.gateway.tenants.admission import Doorkeeper, Visit
from services.gateway.tenants.directory import Directory, Number
from services.gateway.tenants.errors import NumberExists, OtherMode, TenantNotFound
from services.gateway.tenants.key_format import is_api_key, new_api_key, prefix_of
from services.gateway.tenants.principals import ApiPrincipal, Network
from services.gateway.tenants.scopes import SCOPES, Mode, Scope
from services.kernel import clock, crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.tenants import NumberChanged, TenantChanged
from services.kernel.identifiers import uuid7
from services.kernel.kafka import outbox

__all__ = [
    "SCOPES",
    "TEST_CLASS",
    "ApiPrincipal",
    "Directory",
    "Doorkeeper",
    "Mode",
    "Network",
    "Number",
    "NumberExists",
    "OtherMode",
    "Scope",
    "TenantNotFound",
    "Visit",
    "add_number",
    "create_tenant",
    "is_api_key",
    "new_api_key",
    "prefix_of",
    "require_tenant",
    "tell_changed",
]

TEST_CLASS = "test"  # a test twin: its numbers are at the sandbox, its messages cost nothing


async def create_tenant(
    connection: AsyncConnection,
    keyring: Keyring,
    *,
    name: str,
    tenant_class: str,
    zone: str,
    box_public_keys: Mapping[str, bytes],
    parent_tenant_id: UUID | None = None,
) -> UUID:
    """A tenant with its keys, told to every service (each gets its own sealed to `box_public_keys`)."""
    tenant_id = uuid7()
    await repository.add_tenant(
        connection,
        {"id": tenant_id, "parent": parent_tenant_id, "name": name, "tenant_class": tenant_class, "zone": zone},
    )
    await keyring.create(connection, tenant_id)
    await tell_changed(connection, keyring, tenant_id, box_public_keys=box_public_keys)
    return tenant_id


async def tell_changed(
    connection: AsyncConnection, keyring: Keyring, tenant_id: UUID, *, box_public_keys: Mapping[str, bytes]
) -> None:
    """Tell every service what a tenant is now, once this transaction commits; raises TenantNotFound."""
    row = await require_tenant(connection, tenant_id)
    changed = TenantChanged(
        id=event_id(tenant_id, f"tenant:{row.version}"),
        occurred_at=clock.now(),
        tenant_id=tenant_id,
        entity=f"tenant:{tenant_id}",
        version=row.version,
        name=row.name,
        state=row.state,
        tenant_class=row.tenant_class,
        zone=row.zone,
        public_key=await keyring.public_key(tenant_id),
        service_keys=await keyring.seal_for_services(tenant_id, box_public_keys),
        stop_words=tuple(row.stop_words),
        start_words=tuple(row.start_words),
    )
    await outbox.add(connection, [changed])


async def add_number(
    connection: AsyncConnection,
    keyring: Keyring,
    *,
    tenant_id: UUID,
    phone_number_id: str,
    waba_id: str,
    display_phone_number: str,
    access_token: str,
    messages_per_second: int,
    mode: Mode = "live",
) -> Mode:
    """Give a tenant a number and tell every service; returns its mode.

    Raises TenantNotFound, NumberExists, and OtherMode for a live number of a test twin and the other way round.
    """
    tenant = await require_tenant(connection, tenant_id)
    if tenant.mode != mode:
        raise OtherMode(tenant.mode)
    key = await keyring.key(tenant_id, "numbers")

    def sealed(column: str, value: str) -> bytes:
        return crypto.seal(key, number_column(tenant_id, column, phone_number_id), value.encode())

    values = {
        "phone_number_id": phone_number_id,
        "tenant_id": tenant_id,
        "mode": mode,
        "waba_id": waba_id,
        "messages_per_second": messages_per_second,
        "display_phone_number": sealed("display_phone_number", display_phone_number),
        "access_token": sealed("access_token", access_token),
    }
    version = await repository.add_number(connection, values)
    if version is None:
        raise NumberExists(phone_number_id)
    changed = NumberChanged(
        id=event_id(tenant_id, f"number:{phone_number_id}:{version}"),
        occurred_at=clock.now(),
        tenant_id=tenant_id,
        entity=f"number:{phone_number_id}",
        version=version,
        phone_number_id=phone_number_id,
        waba_id=waba_id,
        state="active",
        mode=mode,
        display_index=crypto.blind_index(await keyring.index_key(tenant_id), "phone", display_phone_number),
    )
    await outbox.add(connection, [changed])
    return mode


async def require_tenant(connection: AsyncConnection, tenant_id: UUID) -> Row[Any]:
    """The tenant's id, name, class, state, zone, version and mode; raises TenantNotFound."""
    row = await repository.tenant(connection, tenant_id)
    if row is None:
        raise TenantNotFound(tenant_id)
    return row
