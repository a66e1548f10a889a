"""Tenants, their numbers and their API keys: made by staff, looked up by every door."""

import re
import secrets
import string
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from services.gateway.cache import Remembered
from services.gateway.keys.service import Keyring
from services.gateway.tenants import repository
from services.gateway.tenants.errors import NumberExists, TenantNotFound
from services.kernel import clock, crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.tenants import NumberChanged, TenantChanged
from services.kernel.db import Database
from services.kernel.kafka import outbox

FRESH_SECONDS = 5.0  # a revoked key or a suspended number stops working after this time at the latest
NUMBERS_MAX = 100_000
API_KEYS_MAX = 100_000

KEY_START = "vk_live_"
KEY_RANDOM_CHARACTERS = 32  # 190 bits
KEY_CHECK_CHARACTERS = 6
PREFIX_CHARACTERS = len(KEY_START) + 4  # what may be shown to tell keys apart

_BASE62 = string.digits + string.ascii_letters
_KEY_SHAPE = re.compile(rf"{KEY_START}([0-9A-Za-z]{{{KEY_RANDOM_CHARACTERS}}})_([0-9A-Za-z]{{{KEY_CHECK_CHARACTERS}}})")
_NUMBER_ID = re.compile(r"[0-9]{1,32}")


class ApiPrincipal(NamedTuple):
    """Who calls with an API key."""

    tenant_id: UUID
    key_id: UUID
    tenant_state: str = "active"


@dataclass(frozen=True, slots=True)
class Number:
    """A WhatsApp number; `display_phone_number` is E.164 with '+'."""

    tenant_id: UUID
    phone_number_id: str
    waba_id: str
    state: str
    messages_per_second: int
    display_phone_number: str = field(repr=False)
    access_token: str = field(repr=False)


class Directory:
    """Numbers and API keys as the database has them, remembered for seconds and during its outages.

    Both look-ups return None for what does not exist, and raise Unavailable when the database is down and the thing
    was not asked for before.
    """

    def __init__(self, database: Database, keyring: Keyring, *, pepper: bytes | None = None) -> None:
        """`pepper` hashes API keys; a process that has no door for tenants needs none."""
        self._database = database
        self._keyring = keyring
        self._pepper = pepper
        self._numbers: Remembered[str, Number] = Remembered(
            self._load_number, fresh_seconds=FRESH_SECONDS, entries_max=NUMBERS_MAX
        )
        self._principals: Remembered[bytes, ApiPrincipal] = Remembered(
            self._load_principal, fresh_seconds=FRESH_SECONDS, entries_max=API_KEYS_MAX
        )

    async def number(self, phone_number_id: str) -> Number | None:
        if not _NUMBER_ID.fullmatch(phone_number_id):
            return None
        return await self._numbers.get(phone_number_id)

    async def principal(self, api_key: str) -> ApiPrincipal | None:
        """Who holds the key. A mistyped key is known by its checksum and costs no query."""
        if self._pepper is None or not is_api_key(api_key):
            return None
        return await self._principals.get(crypto.keyed_hash(self._pepper, api_key.encode()))

    async def _load_number(self, phone_number_id: str) -> Number | None:
        async with self._database.transaction() as connection:
            row = await repository.number(connection, phone_number_id)
        if row is None:
            return None
        return Number(
            tenant_id=row.tenant_id,
            phone_number_id=row.phone_number_id,
            waba_id=row.waba_id,
            state=row.state,
            messages_per_second=row.messages_per_second,
            display_phone_number=await self._open(row, "display_phone_number"),
            access_token=await self._open(row, "access_token"),
        )

    async def _open(self, row: Row[Any], column: str) -> str:
        sealed = getattr(row, column)
        key = await self._keyring.opening_key(row.tenant_id, "numbers", crypto.sealed_key_id(sealed))
        return crypto.open_sealed(key, _place(row.tenant_id, column, row.phone_number_id), sealed).decode()

    async def _load_principal(self, key_hash: bytes) -> ApiPrincipal | None:
        async with self._database.transaction() as connection:
            row = await repository.owner_of_api_key(connection, key_hash)
        return ApiPrincipal(row.tenant_id, row.key_id, row.tenant_state) if row is not None else None


def new_api_key() -> str:
    """`vk_live_<random>_<checksum>`: easy to find in a leak, and a typing error needs no look-up."""
    body = "".join(secrets.choice(_BASE62) for _ in range(KEY_RANDOM_CHARACTERS))
    return f"{KEY_START}{body}_{_checksum(body)}"


def is_api_key(text: str) -> bool:
    """Whether the text has the shape and the checksum of a key."""
    parts = _KEY_SHAPE.fullmatch(text)
    return parts is not None and parts[2] == _checksum(parts[1])


def _checksum(body: str) -> str:
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(KEY_CHECK_CHARACTERS):
        value, digit = divmod(value, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits


async def create_tenant(
    connection: AsyncConnection,
    keyring: Keyring,
    *,
    name: str,
    tenant_class: str,
    zone: str,
    box_public_keys: Mapping[str, bytes],
) -> UUID:
    """A tenant with its keys, told to every service (each gets its own sealed to `box_public_keys`)."""
    tenant_id = uuid7()
    version = await repository.add_tenant(
        connection, tenant_id=tenant_id, name=name, tenant_class=tenant_class, zone=zone
    )
    await keyring.create(connection, tenant_id)
    changed = TenantChanged(
        id=event_id(tenant_id, f"tenant:{version}"),
        occurred_at=clock.now(),
        tenant_id=tenant_id,
        entity=f"tenant:{tenant_id}",
        version=version,
        name=name,
        state="active",
        tenant_class=tenant_class,
        zone=zone,
        public_key=await keyring.public_key(tenant_id),
        service_keys=await keyring.seal_for_services(tenant_id, box_public_keys),
    )
    await outbox.add(connection, [changed])
    return tenant_id


async def create_api_key(connection: AsyncConnection, tenant_id: UUID, *, pepper: bytes) -> str:
    """A new key, which nobody can read again: only its keyed hash is stored."""
    api_key = new_api_key()
    await repository.add_api_key(
        connection,
        key_id=uuid7(),
        tenant_id=tenant_id,
        key_hash=crypto.keyed_hash(pepper, api_key.encode()),
        prefix=api_key[:PREFIX_CHARACTERS],
    )
    return api_key


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
) -> None:
    """Give a tenant a number and tell every service; raises TenantNotFound, NumberExists."""
    await require_tenant(connection, tenant_id)
    key = await keyring.key(tenant_id, "numbers")
    version = await repository.add_number(
        connection,
        {
            "phone_number_id": phone_number_id,
            "tenant_id": tenant_id,
            "waba_id": waba_id,
            "messages_per_second": messages_per_second,
            "display_phone_number": crypto.seal(
                key, _place(tenant_id, "display_phone_number", phone_number_id), display_phone_number.encode()
            ),
            "access_token": crypto.seal(key, _place(tenant_id, "access_token", phone_number_id), access_token.encode()),
        },
    )
    if version is None:
        raise NumberExists(phone_number_id)
    await outbox.add(connection, [_number_changed(tenant_id, phone_number_id, waba_id, version)])


async def require_tenant(connection: AsyncConnection, tenant_id: UUID) -> None:
    """Raises TenantNotFound."""
    if await repository.tenant(connection, tenant_id) is None:
        raise TenantNotFound(tenant_id)


def _number_changed(tenant_id: UUID, phone_number_id: str, waba_id: str, version: int) -> NumberChanged:
    return NumberChanged(
        id=event_id(tenant_id, f"number:{phone_number_id}:{version}"),
        occurred_at=clock.now(),
        tenant_id=tenant_id,
        entity=f"number:{phone_number_id}",
        version=version,
        phone_number_id=phone_number_id,
        waba_id=waba_id,
        state="active",
    )


def _place(tenant_id: UUID, column: str, phone_number_id: str) -> crypto.Place:
    return crypto.Place(tenant_id, "numbers", column, phone_number_id)
