"""API keys: what may be made of which key, by which key, and what the last one must not do."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.api_keys import repository
from services.gateway.api_keys.errors import (
    AlreadyOver,
    KeyNotFound,
    LastManagingKey,
    NoLongerValid,
    NotForTestKeys,
    NotForTwins,
    NotRotatable,
    RateTooHigh,
    ScopesNotHeld,
    TooManyKeys,
    TooManyRevokedKeys,
)
from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import (
    SCOPES,
    ApiPrincipal,
    Doorkeeper,
    Mode,
    Network,
    Scope,
    new_api_key,
    prefix_of,
    require_tenant,
)
from services.gateway.twins import service as twins
from services.gateway.twins.service import Twin
from services.kernel import clock, crypto
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS
from services.kernel.identifiers import uuid7
from services.kernel.logging import get_logger
from services.kernel.periodic import every

USABLE_MAX = 100  # of one tenant, with its test keys
KEPT_MAX = 1_000  # rows of one tenant, so that making and revoking without end stops somewhere
KEPT_DAYS = 90  # how long a revoked or expired key is shown
RECORD_SECONDS = 60.0  # the precision of last_used_at

_log = get_logger()

State = Literal["active", "not_yet_valid", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key to be made; no `scopes`: those of the key that makes it, but for `keys`."""

    name: str
    mode: Mode = "live"
    scopes: frozenset[Scope] | None = None
    networks: tuple[Network, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    rate_per_second: int | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key in clear, which nobody can read again: only its keyed hash is stored."""

    api_key: str = field(repr=False)
    row: Row[Any]
    twin: Twin | None = None


class Shown(NamedTuple):
    """A tenant's keys, and the twin that those of mode test belong to."""

    rows: Sequence[Row[Any]]
    twin: Twin | None


@dataclass(frozen=True, slots=True)
class Desk:
    """Makes and ends keys; every method works in the caller's transaction and raises what `errors` holds."""

    keyring: Keyring
    pepper: bytes = field(repr=False)
    box_public_keys: Mapping[str, bytes]
    rate_per_second_max: int

    async def create(self, connection: AsyncConnection, maker: ApiPrincipal, wanted: Wanted) -> Issued:
        """A key for the maker's tenant; the first one of mode test makes the tenant's twin."""
        scopes = maker.scopes - {"keys"} if wanted.scopes is None else wanted.scopes
        _check_held(scopes, maker)
        if wanted.rate_per_second is not None and wanted.rate_per_second > self.rate_per_second_max:
            raise RateTooHigh(self.rate_per_second_max)
        await repository.lock(connection, maker.tenant_id)
        await _check_still_valid(connection, maker)
        await _check_room(connection, maker.tenant_id, await twins.find(connection, maker.tenant_id))
        return await self._make(connection, maker.tenant_id, wanted, scopes)

    async def issue(self, connection: AsyncConnection, tenant_id: UUID, *, name: str) -> Issued:
        """A live key that may do everything: a tenant's first, or a new one from staff for a tenant without keys.

        Raises TenantNotFound, and NotForTwins for a test twin.
        """
        if (await require_tenant(connection, tenant_id)).mode == "test":
            raise NotForTwins
        await repository.lock(connection, tenant_id)
        return await self._make(connection, tenant_id, Wanted(name=name), frozenset(SCOPES))

    async def rotate(
        self, connection: AsyncConnection, caller: ApiPrincipal, key_id: UUID, *, overlap_seconds: float
    ) -> Issued:
        """A new key like the old one, which ends after the overlap; without one it is revoked now."""
        await repository.lock(connection, caller.tenant_id)
        await _check_still_valid(connection, caller)
        old, twin = await _find(connection, caller.tenant_id, key_id)
        _check_rotatable(old)
        _check_held(old.scopes, caller)
        await _check_room(connection, caller.tenant_id, twin)
        api_key, new = await self._add(connection, old.tenant_id, _like(old), old.scopes)
        if overlap_seconds > 0:
            await repository.replace(connection, old.id, successor_id=new.id, overlap_seconds=overlap_seconds)
        else:
            await repository.revoke(connection, old.id)
        return Issued(api_key, new, twin if new.mode == "test" else None)

    async def _make(
        self, connection: AsyncConnection, tenant_id: UUID, wanted: Wanted, scopes: frozenset[Scope]
    ) -> Issued:
        if wanted.mode == "test" and "keys" in scopes:
            raise NotForTestKeys
        if wanted.valid_until is not None and wanted.valid_until <= clock.now():
            raise AlreadyOver
        twin = await self._twin(connection, tenant_id) if wanted.mode == "test" else None
        api_key, row = await self._add(connection, twin.tenant_id if twin else tenant_id, wanted, scopes)
        return Issued(api_key, row, twin)

    async def _twin(self, connection: AsyncConnection, tenant_id: UUID) -> Twin:
        return await twins.ensure(connection, self.keyring, parent_id=tenant_id, box_public_keys=self.box_public_keys)

    async def _add(
        self, connection: AsyncConnection, tenant_id: UUID, wanted: Wanted, scopes: Sequence[str] | frozenset[Scope]
    ) -> tuple[str, Row[Any]]:
        api_key = new_api_key(wanted.mode)
        values = {
            "id": uuid7(),
            "tenant_id": tenant_id,
            "key_hash": crypto.keyed_hash(self.pepper, api_key.encode()),
            "prefix": prefix_of(api_key),
            "name": wanted.name,
            "mode": wanted.mode,
            "scopes": [scope for scope in SCOPES if scope in scopes],
            "networks": list(wanted.networks),
            "valid_from": wanted.valid_from,
            "valid_until": wanted.valid_until,
            "rate_per_second": wanted.rate_per_second,
        }
        return api_key, await repository.add(connection, values)


async def shown(connection: AsyncConnection, tenant_id: UUID) -> Shown:
    """The tenant's keys and its twin's, oldest first."""
    twin = await twins.find(connection, tenant_id)
    rows = await repository.of_tenants(connection, _owners(tenant_id, twin), days=KEPT_DAYS, count=KEPT_MAX)
    return Shown(rows, twin)


async def one(connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> Shown:
    """One key; raises KeyNotFound."""
    row, twin = await _find(connection, tenant_id, key_id)
    return Shown([row], twin)


async def revoke(connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> None:
    """End a key; again changes nothing. Raises KeyNotFound, LastManagingKey."""
    await repository.lock(connection, tenant_id)
    row, _ = await _find(connection, tenant_id, key_id)
    is_manager = "keys" in row.scopes and state_of(row) == "active"
    if is_manager and not await repository.other_managers(connection, tenant_id, key_id):
        raise LastManagingKey
    await repository.revoke(connection, key_id)


def state_of(row: Row[Any]) -> State:
    now = clock.now()
    if row.revoked_at is not None:
        return "revoked"
    if row.valid_until is not None and row.valid_until <= now:
        return "expired"
    return "not_yet_valid" if row.valid_from is not None and row.valid_from > now else "active"


async def record_uses(database: Database, doorkeeper: Doorkeeper) -> None:
    """Write down when keys were last used; what a crash takes along is the last minute's."""
    if not (uses := doorkeeper.take_uses()):
        return
    times = [datetime.fromtimestamp(at, UTC) for at in uses.values()]
    try:
        async with database.transaction() as connection:
            await repository.record_uses(connection, {"ids": list(uses), "times": list(times)})
    except DEPENDENCY_ERRORS:
        doorkeeper.put_back(uses)
        raise


async def keep_uses(database: Database, doorkeeper: Doorkeeper, stop: asyncio.Event) -> None:
    """`record_uses` every minute until `stop`."""
    await every(RECORD_SECONDS, lambda: record_uses(database, doorkeeper), stop, name="api key uses")


async def record_last_uses(database: Database, doorkeeper: Doorkeeper) -> None:
    """`record_uses` at the end of the process, as far as the database lets us."""
    try:
        await record_uses(database, doorkeeper)
    except DEPENDENCY_ERRORS as error:
        _log.warning("last uses of API keys are lost", error_class=type(error).__name__)


async def _find(connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> tuple[Row[Any], Twin | None]:
    twin = await twins.find(connection, tenant_id)
    row = await repository.find(connection, _owners(tenant_id, twin), key_id)
    if row is None:
        raise KeyNotFound
    return row, twin


def _owners(tenant_id: UUID, twin: Twin | None) -> list[UUID]:
    return [tenant_id] if twin is None else [tenant_id, twin.tenant_id]


def _check_held(scopes: Sequence[str] | frozenset[Scope], holder: ApiPrincipal) -> None:
    if missing := set(scopes) - holder.scopes:
        raise ScopesNotHeld(missing)


async def _check_still_valid(connection: AsyncConnection, caller: ApiPrincipal) -> None:
    if not await repository.is_valid(connection, caller.key_id):
        raise NoLongerValid


def _check_rotatable(row: Row[Any]) -> None:
    if row.replaced_by is not None:
        raise NotRotatable(f"was replaced by {row.replaced_by}")
    if (state := state_of(row)) in ("revoked", "expired"):
        raise NotRotatable(f"is {state}")


async def _check_room(connection: AsyncConnection, tenant_id: UUID, twin: Twin | None) -> None:
    there_are = await repository.count(connection, _owners(tenant_id, twin), days=KEPT_DAYS)
    if there_are.usable >= USABLE_MAX:
        raise TooManyKeys(USABLE_MAX)
    if there_are.kept >= KEPT_MAX:
        raise TooManyRevokedKeys(KEPT_MAX, KEPT_DAYS)


def _like(row: Row[Any]) -> Wanted:
    return Wanted(
        name=row.name,
        mode=row.mode,
        networks=tuple(row.networks),
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        rate_per_second=row.rate_per_second,
    )
