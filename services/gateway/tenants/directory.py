"""Numbers and API keys as the database has them, remembered for seconds and during its outages (hot path)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.gateway.cache import Remembered
from services.gateway.keys.service import Keyring
from services.gateway.places import number_column
from services.gateway.tenants import repository
from services.gateway.tenants.key_format import is_api_key
from services.gateway.tenants.principals import ApiPrincipal, principal_of
from services.gateway.tenants.scopes import Mode
from services.kernel import crypto
from services.kernel.batcher import Batcher
from services.kernel.db import Database

FRESH_SECONDS = 5.0  # a revoked key or a suspended number stops working after this time at the latest
NUMBERS_MAX = 100_000
API_KEYS_MAX = 100_000
RATE_PER_SECOND = 2_000

# One query at a time carries every look-up of a key: a flood of made-up keys costs 40 queries a second, not one each.
LOOKUP_TICK_SECONDS = 0.025
LOOKUP_BATCH_MAX = 500
LOOKUPS_WAITING_MAX = 5_000

_NUMBER_ID = re.compile(r"[0-9]{1,32}")


@dataclass(frozen=True, slots=True)
class Number:
    """A WhatsApp number; `display_phone_number` is E.164 with '+'. Calls of mode test go to the sandbox."""

    tenant_id: UUID
    phone_number_id: str
    waba_id: str
    state: str
    messages_per_second: int
    mode: Mode
    display_phone_number: str = field(repr=False)
    access_token: str = field(repr=False)


class Directory:
    """Both look-ups return None for what does not exist, and raise Unavailable when the database is down and the thing
    was not asked for before.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        *,
        pepper: bytes | None = None,
        rate_per_second: int = RATE_PER_SECOND,
    ) -> None:
        """`pepper` hashes API keys; a process that has no door for tenants needs none, and no `start()`."""
        self._database = database
        self._keyring = keyring
        self._pepper = pepper
        self._rate_per_second = rate_per_second
        self._numbers: Remembered[str, Number] = Remembered(
            self._load_number,
            fresh_seconds=FRESH_SECONDS,
            entries_max=NUMBERS_MAX,
            load_many=self._load_numbers,
        )
        self._lookups: Batcher[bytes, ApiPrincipal | None] = Batcher(
            "api_key_lookups",
            self._load_principals,
            tick_seconds=LOOKUP_TICK_SECONDS,
            batch_max=LOOKUP_BATCH_MAX,
            pending_max=LOOKUPS_WAITING_MAX,
        )
        self._principals: Remembered[bytes, ApiPrincipal] = Remembered(
            self._lookups.submit, fresh_seconds=FRESH_SECONDS, entries_max=API_KEYS_MAX
        )

    def start(self) -> None:
        """Look API keys up from now on."""
        self._lookups.start()

    async def stop(self) -> None:
        await self._lookups.stop()

    async def number(self, phone_number_id: str) -> Number | None:
        if not _NUMBER_ID.fullmatch(phone_number_id):
            return None
        return await self._numbers.get(phone_number_id)

    async def principal(self, api_key: str) -> ApiPrincipal | None:
        """Who holds the key. A mistyped key is known by its checksum and costs no query."""
        if self._pepper is None:
            return None
        key_hash = crypto.keyed_hash(self._pepper, api_key.encode())
        if known := self._principals.fresh(key_hash):
            return known
        return await self._principals.get(key_hash) if is_api_key(api_key) else None

    async def _load_number(self, phone_number_id: str) -> Number | None:
        return (await self._load_numbers([phone_number_id])).get(phone_number_id)

    async def _load_numbers(self, phone_number_ids: Sequence[str]) -> dict[str, Number]:
        async with self._database.transaction() as connection:
            rows = await repository.numbers(connection, phone_number_ids)
        return {row.phone_number_id: await self._number_of(row) for row in rows}

    async def _number_of(self, row: Row[Any]) -> Number:
        return Number(
            tenant_id=row.tenant_id,
            phone_number_id=row.phone_number_id,
            waba_id=row.waba_id,
            state=row.state,
            messages_per_second=row.messages_per_second,
            mode=row.mode,
            display_phone_number=await self._open(row, "display_phone_number"),
            access_token=await self._open(row, "access_token"),
        )

    async def _open(self, row: Row[Any], column: str) -> str:
        sealed = getattr(row, column)
        key = await self._keyring.opening_key(row.tenant_id, "numbers", crypto.sealed_key_id(sealed))
        return crypto.open_sealed(key, number_column(row.tenant_id, column, row.phone_number_id), sealed).decode()

    async def _load_principals(self, key_hashes: Sequence[bytes]) -> Sequence[ApiPrincipal | None]:
        async with self._database.transaction() as connection:
            rows = await repository.owners_of_api_keys(connection, key_hashes)
        owners = {row.key_hash: principal_of(row, rate_per_second=self._rate_per_second) for row in rows}
        return [owners.get(key_hash) for key_hash in key_hashes]
