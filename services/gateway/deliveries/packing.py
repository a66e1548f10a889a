"""Packing due facts into deliveries whose id and body never change again (hot path)."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from services.gateway.callbacks.service import PURPOSE, open_secret
from services.gateway.deliveries import envelope, metrics, repository
from services.gateway.deliveries.envelope import Value
from services.gateway.deliveries.repository import DeliveryRow, FactRow, NewDelivery
from services.gateway.deliveries.schedule import Limits
from services.gateway.deliveries.values import Contents, Values, fetch
from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory
from services.kernel import clock, crypto
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

BREATH_SECONDS = 0.005

Places = Callable[[UUID], int]

_log = get_logger()


class Post(NamedTuple):
    """One attempt that is about to be made."""

    delivery_id: UUID
    tenant_id: UUID
    attempt: int
    url: str
    secret: str
    body: bytes


class Packed(NamedTuple):
    """What became of one tenant's facts: a new delivery to post, facts to look at again, facts that are done with."""

    posts: list[Post]
    new: list[NewDelivery]
    deferred: list[FactRow]
    removed: list[FactRow]


class Round(NamedTuple):
    """What a round may start: posts, tenants whose keys cannot be used, and how much was waiting."""

    posts: list[Post]
    broken: list[UUID]
    facts: int = 0
    is_full: bool = False


class Packer:
    """Turns queued facts, and deliveries that are due again, into posts."""

    def __init__(self, *, keyring: Keyring, directory: Directory, limits: Limits) -> None:
        self._keyring = keyring
        self._limits = limits
        self._values = Values(keyring=keyring, directory=directory)
        self._breathed_at = 0.0

    async def pack(self, connection: AsyncConnection, closed: Sequence[UUID], places: Places) -> Round:
        """Pack due facts, at most as many deliveries a tenant as it has places, in the caller's transaction."""
        limits = self._limits
        facts = await repository.claim_facts(
            connection, closed=closed, tenants_max=limits.tenants_max, values_max=limits.values_max * limits.bodies_max
        )
        if not facts:
            return Round([], [])
        contents = await fetch(connection, facts)
        packed: list[Packed] = []
        broken: list[UUID] = []
        claimed = [list(of_tenant) for _, of_tenant in groupby(facts, key=lambda fact: fact.tenant_id)]
        for of_tenant in claimed:
            tenant_id = of_tenant[0].tenant_id
            try:
                for chunk in self._chunks(of_tenant, places(tenant_id)):
                    packed.append(await self._pack_tenant(tenant_id, chunk, contents))
                    await self._breathe()
            except ServiceError as error:
                _refuse(tenant_id, error)
                broken.append(tenant_id)
        await self._write(connection, packed)
        posts = [post for one in packed for post in one.posts]
        return Round(posts, broken, len(facts), is_full=max(map(len, claimed)) >= limits.values_max)

    def _chunks(self, facts: list[FactRow], places: int) -> Iterator[list[FactRow]]:
        """One body's worth each; what has no place stays in the queue."""
        size = self._limits.values_max
        return (facts[start : start + size] for start in range(0, min(len(facts), size * places), size))

    async def _breathe(self) -> None:
        """A hundred openings take milliseconds: let the loop turn, but not after every small tenant."""
        if time.monotonic() - self._breathed_at > BREATH_SECONDS:
            await asyncio.sleep(0)
            self._breathed_at = time.monotonic()

    async def unseal(self, rows: Sequence[DeliveryRow]) -> Round:
        """Posts of frozen deliveries; those that do not open are left to their lease."""
        posts: list[Post] = []
        broken: list[UUID] = []
        for row in rows:
            try:
                posts.append(await self._unseal(row))
            except ServiceError as error:
                _refuse(row.tenant_id, error)
                broken.append(row.tenant_id)
        return Round(posts, broken, len(posts))

    async def _unseal(self, row: DeliveryRow) -> Post:
        key = await self._keyring.opening_key(row.tenant_id, PURPOSE, crypto.sealed_key_id(row.body))
        body = crypto.open_sealed(key, _place(row.tenant_id, row.id), row.body)
        secret = await open_secret(self._keyring, row.tenant_id, row.secret)
        return Post(row.id, row.tenant_id, row.attempt, row.url, secret, body)

    async def _pack_tenant(self, tenant_id: UUID, facts: list[FactRow], contents: Contents) -> Packed:
        packed = Packed([], [], [], [])
        told: list[FactRow] = []
        values: list[Value] = []
        size = 0
        for fact in facts:
            if self._is_early(fact, contents):
                packed.deferred.append(fact)
                continue
            if size > self._limits.body_bytes_max:
                break  # the rest stays for the next delivery
            packed.removed.append(fact)
            if (value := await self._values.value(fact, contents)) is not None:
                told.append(fact)
                values.append(value)
                size += len(value.value)
        if values:
            await self._freeze(packed, tenant_id, told, envelope.envelope(values))
        return packed

    async def _freeze(self, packed: Packed, tenant_id: UUID, told: list[FactRow], body: bytes) -> None:
        """Seal the body under a new id; the first attempt is this one."""
        delivery_id = uuid7()
        key = await self._keyring.key(tenant_id, PURPOSE)
        sealed = crypto.seal(key, _place(tenant_id, delivery_id), body)
        message_ids = list(dict.fromkeys(fact.subject_id for fact in told if fact.kind == "status"))
        secret = await open_secret(self._keyring, tenant_id, told[0].secret)
        packed.new.append(NewDelivery(delivery_id, tenant_id, sealed, len(told), message_ids))
        packed.posts.append(Post(delivery_id, tenant_id, 1, told[0].url, secret, body))
        metrics.PACK_SIZE.observe(len(told))

    def _is_early(self, fact: FactRow, contents: Contents) -> bool:
        """A status may overtake our own row of its message: it is told a little later, then without its recipient."""
        if fact.kind != "status" or fact.subject_id in contents.sent:
            return False
        return (clock.now() - fact.enqueued_at).total_seconds() < self._limits.defer_max_seconds

    async def _write(self, connection: AsyncConnection, packed: Sequence[Packed]) -> None:
        new = [delivery for one in packed for delivery in one.new]
        deferred = [fact for one in packed for fact in one.deferred]
        removed = [fact for one in packed for fact in one.removed]
        if new:
            await repository.add_deliveries(connection, new, lease_seconds=self._limits.lease_seconds)
        if deferred:
            await repository.defer_facts(connection, deferred, defer_seconds=self._limits.defer_seconds)
        if removed:
            await repository.remove_facts(connection, removed)


def _refuse(tenant_id: UUID, error: ServiceError) -> None:
    """One tenant's keys must not hold up the others; an outage concerns all and is raised."""
    if error.retryable:
        raise error
    _log.error("tenant cannot be called", tenant_id=str(tenant_id), error_class=type(error).__name__)


def _place(tenant_id: UUID, delivery_id: UUID) -> crypto.Place:
    return crypto.Place(tenant_id, "callback_deliveries", "body", str(delivery_id))
