"""Packing due facts into deliveries whose id and body never change again (hot path)."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from services.gateway.callbacks.service import PURPOSE, open_secrets
from services.gateway.deliveries import envelope, metrics, repository
from services.gateway.deliveries.bodies import by_endpoint, portions
from services.gateway.deliveries.envelope import Value
from services.gateway.deliveries.pace import Pace
from services.gateway.deliveries.repository import DeliveryRow, FactRow, NewDelivery
from services.gateway.deliveries.schedule import Limits
from services.gateway.deliveries.values import Contents, Values
from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory
from services.gateway.told import service as told
from services.kernel import clock, crypto
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

BREATH_SECONDS = 0.005
LOCK_CLASS = 0x63616C6C  # of advisory locks: "call"

Places = Callable[[UUID], int]

_log = get_logger()


class Post(NamedTuple):
    """One attempt that is about to be made; the newest secret stands first."""

    delivery_id: UUID
    tenant_id: UUID
    endpoint_id: UUID
    attempt: int
    facts: int
    url: str
    secrets: tuple[str, ...]
    body: bytes


class Packed(NamedTuple):
    """What became of one body's facts: a new delivery to post, facts to look at again, told ones, unreadable ones."""

    posts: list[Post]
    new: list[NewDelivery]
    deferred: list[FactRow]
    told: list[FactRow]
    dropped: list[FactRow]


class Round(NamedTuple):
    """What a round may start: posts, endpoints whose keys cannot be used, how much is told, who has facts left."""

    posts: list[Post]
    broken: list[UUID]
    facts: int = 0
    is_full: bool = False
    left: frozenset[UUID] = frozenset()


class Portioned(NamedTuple):
    """One endpoint's due facts, divided into bodies."""

    endpoint_id: UUID
    bodies: list[list[FactRow]]
    due: int
    is_calm: bool

    @property
    def facts(self) -> list[FactRow]:
        return [fact for body in self.bodies for fact in body]


class Packer:
    """Turns queued facts, and deliveries that are due again, into posts."""

    def __init__(self, *, keyring: Keyring, directory: Directory, limits: Limits, public_url: str) -> None:
        self._keyring = keyring
        self._limits = limits
        self._pace = Pace(limits)
        self._values = Values(keyring=keyring, directory=directory, public_url=public_url)
        self._breathed_at = 0.0

    async def pack(self, connection: AsyncConnection, closed: Sequence[UUID], places: Places) -> Round:
        """Pack due facts, at most as many deliveries an endpoint as it has places, in the caller's transaction."""
        claimed = by_endpoint(await self._claim(connection, closed, places))
        if not claimed:
            return Round([], [])
        portioned = [self._portion(of_endpoint, places) for of_endpoint in claimed.values()]
        contents = await self._values.prepare(connection, [fact for one in portioned for fact in one.facts])
        packed: list[Packed] = []
        broken: list[UUID] = []
        for one in portioned:
            try:
                packed += await self._pack_all(one, contents)
            except ServiceError as error:
                _refuse(claimed[one.endpoint_id][0].tenant_id, error)
                broken.append(one.endpoint_id)
        await self._write(connection, packed)
        return self._round(portioned, packed, broken)

    async def unseal(self, rows: Sequence[DeliveryRow]) -> Round:
        """Posts of frozen deliveries; those that do not open are left to their lease."""
        posts: list[Post] = []
        broken: list[UUID] = []
        for row in rows:
            try:
                posts.append(await self._unseal(row))
            except ServiceError as error:
                _refuse(row.tenant_id, error)
                broken.append(row.endpoint_id)
        return Round(posts, broken, len(posts))

    async def _claim(self, connection: AsyncConnection, closed: Sequence[UUID], places: Places) -> list[FactRow]:
        limits = self._limits
        endpoint_ids = await repository.lock_endpoints(
            connection, closed=closed, endpoints_max=limits.endpoints_max, lock_class=LOCK_CLASS
        )
        if not endpoint_ids:
            return []
        return await repository.claim_facts(
            connection,
            endpoint_ids=endpoint_ids,
            places=[places(endpoint_id) for endpoint_id in endpoint_ids],
            reach=limits.reach,
        )

    def _portion(self, facts: list[FactRow], places: Places) -> Portioned:
        """One fact a body while the traffic is calm; how much is due decides, not how much finds room now."""
        endpoint_id = facts[0].endpoint_id
        is_calm = self._pace.is_calm(endpoint_id, len(facts))
        size = 1 if is_calm else min(facts[0].max_updates, self._limits.values_max)
        return Portioned(endpoint_id, portions(facts, size=size, places=places(endpoint_id)), len(facts), is_calm)

    async def _pack_all(self, portioned: Portioned, contents: Contents) -> list[Packed]:
        packed = []
        for body in portioned.bodies:
            packed.append(await self._pack(body, contents))
            await self._breathe()
        self._pace.told(portioned.endpoint_id, sum(len(one.told) for one in packed))
        return packed

    def _round(self, portioned: Sequence[Portioned], packed: Sequence[Packed], broken: list[UUID]) -> Round:
        """The next round follows at once where a body could be filled, or facts are left and nothing is under way."""
        posts = [post for one in packed for post in one.posts]
        called = {post.endpoint_id for post in posts}
        left = {one.endpoint_id for one in portioned if one.due > len(one.facts)}.difference(broken)
        full = any(not one.is_calm and one.due >= self._limits.values_max for one in portioned)
        return Round(
            posts,
            broken,
            sum(len(one.facts) for one in portioned),
            is_full=full or not left <= called,
            left=frozenset(left),
        )

    async def _breathe(self) -> None:
        """A hundred openings take milliseconds: let the loop turn, but not after every small tenant."""
        if time.monotonic() - self._breathed_at > BREATH_SECONDS:
            await asyncio.sleep(0)
            self._breathed_at = time.monotonic()

    async def _unseal(self, row: DeliveryRow) -> Post:
        key = await self._keyring.opening_key(row.tenant_id, PURPOSE, crypto.sealed_key_id(row.body))
        body = crypto.open_sealed(key, _place(row.tenant_id, row.id), row.body)
        secrets = await self._secrets(row)
        return Post(row.id, row.tenant_id, row.endpoint_id, row.attempt, row.facts, row.url, secrets, body)

    async def _pack(self, facts: list[FactRow], contents: Contents) -> Packed:
        packed = Packed([], [], [], [], [])
        values: list[Value] = []
        waiting: set[int] = set()  # people of whom a fact is not told yet
        size = 0
        for fact in facts:
            if fact.conversation in waiting:
                continue
            if self._is_early(fact, contents):
                packed.deferred.append(fact)
                waiting.add(fact.conversation)
                continue
            if size > self._limits.body_bytes_max:
                break  # the rest stays for the next delivery
            value = await self._values.value(fact, contents)
            if value is None:
                packed.dropped.append(fact)
                continue
            packed.told.append(fact)
            values.append(value)
            size += len(value.value)
        if values:
            await self._freeze(packed, envelope.envelope(values))
        return packed

    async def _freeze(self, packed: Packed, body: bytes) -> None:
        """Seal the body under a new id; the first attempt is this one."""
        facts = packed.told
        delivery_id, tenant_id, endpoint_id = uuid7(), facts[0].tenant_id, facts[0].endpoint_id
        key = await self._keyring.key(tenant_id, PURPOSE)
        sealed = crypto.seal(key, _place(tenant_id, delivery_id), body)
        secrets = await self._secrets(facts[0])
        message_ids = list(dict.fromkeys(fact.subject_id for fact in facts if fact.kind == "status"))
        people = sorted({fact.conversation for fact in facts})
        packed.new.append(NewDelivery(delivery_id, tenant_id, endpoint_id, sealed, len(facts), message_ids, people))
        packed.posts.append(Post(delivery_id, tenant_id, endpoint_id, 1, len(facts), facts[0].url, secrets, body))
        metrics.PACK_SIZE.observe(len(facts))

    async def _secrets(self, row: FactRow | DeliveryRow) -> tuple[str, ...]:
        sealed = [row.secret] if row.old_secret is None else [row.secret, row.old_secret]
        return await open_secrets(self._keyring, row.tenant_id, row.endpoint_id, sealed)

    def _is_early(self, fact: FactRow, contents: Contents) -> bool:
        """A status may overtake our own row of its message: it is told a little later, then without its recipient."""
        if fact.kind != "status" or fact.subject_id in contents.sent:
            return False
        return (clock.now() - fact.enqueued_at).total_seconds() < self._limits.defer_max_seconds

    async def _write(self, connection: AsyncConnection, packed: Sequence[Packed]) -> None:
        new = [delivery for one in packed for delivery in one.new]
        deferred = [fact for one in packed for fact in one.deferred]
        moved = [fact for one in packed for fact in one.told]
        dropped = [fact for one in packed for fact in one.dropped]
        if new:
            await repository.add_deliveries(connection, new, lease_seconds=self._limits.lease_seconds)
        if deferred:
            await repository.defer_facts(connection, deferred, defer_seconds=self._limits.defer_seconds)
        if moved:
            await told.move(connection, [fact.endpoint_id for fact in moved], [fact.event_id for fact in moved])
        if dropped:
            await repository.drop_facts(connection, dropped)


def _refuse(tenant_id: UUID, error: ServiceError) -> None:
    """One tenant's keys must not hold up the others; an outage concerns all and is raised."""
    if error.retryable:
        raise error
    _log.error("tenant cannot be called", tenant_id=str(tenant_id), error_class=type(error).__name__)


def _place(tenant_id: UUID, delivery_id: UUID) -> crypto.Place:
    return crypto.Place(tenant_id, "callback_deliveries", "body", str(delivery_id))
