"""A tenant's test twin: made with its first test key, and kept like its parent where that matters."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks import service as callbacks
from services.gateway.keys.service import Keyring
from services.gateway.tenants import service as tenants
from services.gateway.tenants.service import TEST_CLASS
from services.gateway.twins import repository

# Meta gives ids of 15 to 17 digits; hers do not begin like these.
NUMBER_START, WABA_START = "9990", "9991"
ID_DIGITS_MORE = 12
PHONE_START = "+1555"  # an area code that is nobody's; Meta's own test numbers have it
PHONE_DIGITS_MORE = 7
MESSAGES_PER_SECOND = 20  # a test shows what works, not how fast; slow answers of the sandbox must not fill a worker
NAME_MAX = 190


@dataclass(frozen=True, slots=True)
class Twin:
    """A test twin; `display_phone_number` and `callback_secret` are known to whoever made it, once."""

    tenant_id: UUID
    phone_number_id: str
    waba_id: str
    display_phone_number: str | None = field(default=None, repr=False)
    callback_secret: str | None = field(default=None, repr=False)


async def find(connection: AsyncConnection, parent_id: UUID) -> Twin | None:
    row = await repository.find(connection, parent_id)
    return None if row is None else Twin(row.tenant_id, row.phone_number_id, row.waba_id)


async def ensure(
    connection: AsyncConnection, keyring: Keyring, *, parent_id: UUID, box_public_keys: Mapping[str, bytes]
) -> Twin:
    """The tenant's twin, made now if there is none; the caller holds the parent's lock. Raises TenantNotFound."""
    return await find(connection, parent_id) or await _create(connection, keyring, parent_id, box_public_keys)


async def copy_templates(connection: AsyncConnection, parent_id: UUID | None = None) -> int:
    """Give twins what their parents got approved since, and take away what was taken from them.

    One tenant's, or every tenant's; returns how many templates were written. Doing it again changes nothing.
    """
    return await repository.copy_templates(connection, parent_id)


async def _create(
    connection: AsyncConnection, keyring: Keyring, parent_id: UUID, box_public_keys: Mapping[str, bytes]
) -> Twin:
    parent = await tenants.require_tenant(connection, parent_id)
    twin_id = await tenants.create_tenant(
        connection,
        keyring,
        name=f"{parent.name[:NAME_MAX]} (test)",
        tenant_class=TEST_CLASS,
        zone=parent.zone,
        box_public_keys=box_public_keys,
        parent_tenant_id=parent_id,
    )
    number = {
        "phone_number_id": _digits(NUMBER_START, ID_DIGITS_MORE),
        "waba_id": _digits(WABA_START, ID_DIGITS_MORE),
        "display_phone_number": _digits(PHONE_START, PHONE_DIGITS_MORE),
    }
    await tenants.add_number(
        connection,
        keyring,
        tenant_id=twin_id,
        access_token=f"test-{secrets.token_urlsafe(32)}",
        messages_per_second=MESSAGES_PER_SECOND,
        mode="test",
        **number,
    )
    await copy_templates(connection, parent_id)
    secret = await callbacks.create_secret(connection, keyring, twin_id)
    return Twin(tenant_id=twin_id, callback_secret=secret, **number)


def _digits(start: str, more: int) -> str:
    return start + "".join(secrets.choice("0123456789") for _ in range(more))
