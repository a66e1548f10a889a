"""Packing due facts into deliveries whose id and body never change again (hot path)."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import PURPOSE, open_secrets
from services.gateway.deliveries import envelope, metrics, repository
from services.gateway.deliveries.due import BundleRow, Due, FactKey, Opened, free, opened, portions, rest, timely
from services.gateway.deliveries.envelope import Value
from services.gateway.deliveries.repository import DeliveryRow, NewDelivery
from services.gateway.deliveries.schedule import Limits, Pace
from services.gateway.deliveries.values import Requests, Values
from services.gateway.keys.service import Keyring
from services.gateway.places import delivery_body
from services.gateway.tenants.service import Directory
from services.gateway.told import service as told
from services.gateway.told.service import LOCK_CLASS, Told
from services.kernel import crypto
from services.kernel.errors import ServiceError
from services.kernel.identifiers import uuid7
from services.kernel.logging import get_logger

Places = Callable[[UUID], int]
Encoded = Mapping[FactKey, Value | None]

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

    def __repr__(self) -> str:
        return f"Post({self.delivery_id}, attempt={self.attempt})"


class Packed(NamedTuple):
    """What became of one body's facts: a new delivery to post, told ones, unreadable ones."""

    posts: list[Post]
    new: list[NewDelivery]
    told: list[Due]
    dropped: list[Due]


class Round(NamedTuple):
    """What a round may start: posts, endpoints whose keys cannot be used, how much is told, who has facts left."""

    posts: list[Post]
    broken: list[UUID]
    facts: int = 0
    is_full: bool = False
    left: frozenset[UUID] = frozenset()


class Portioned(NamedTuple):
    """One endpoint's due facts, divided into bodies; crowded is one most of whose facts came too early."""

    endpoint_id: UUID
    bodies: list[list[Due]]
    due: int
    is_calm: bool
    is_crowded: bool

    @property
    def facts(self) -> int:
        return sum(map(len, self.bodies))


class Packer:
    """Turns queued facts, and deliveries that are due again, into posts."""

    def __init__(self, *, keyring: Keyring, directory: Directory, limits: Limits, public_url: str) -> None:
        self._keyring = keyring
        self._limits = limits
        self._pace = Pace(limits)
        self._values = Values(keyring=keyring, directory=directory, public_url=public_url)
        self._crowded: frozenset[UUID] = frozenset()

    async def pack(self, connection: AsyncConnection, closed: Sequence[UUID], places: Places) -> Round:
        """Pack due facts, at most as many deliveries an endpoint as it has places, in the caller's transaction."""
        claimed = opened(await self._claim(connection, closed, places))
        if not claimed:
            return Round([], [])
        due = {endpoint_id: free(bundles) for endpoint_id, bundles in claimed.items()}
        requests = await self._values.requests(connection, [one for facts in due.values() for one in facts])
        portioned = [self._portion(bundles, due[key], requests, places) for key, bundles in claimed.items()]
        self._crowded = frozenset(one.endpoint_id for one in portioned if one.is_crowded)
        chosen = [one for portion in portioned for body in portion.bodies for one in body]
        values = await self._values.encoded(connection, chosen, requests)
        packed: list[Packed] = []
        broken: list[UUID] = []
        for one in portioned:
            try:
                packed += await self._pack_all(one, values)
            except ServiceError as error:
                _refuse(claimed[one.endpoint_id][0].row.tenant_id, error)
                broken.append(one.endpoint_id)
        await self._write(connection, [one for key in claimed if key not in broken for one in claimed[key]], packed)
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

    async def _claim(self, connection: AsyncConnection, closed: Sequence[UUID], places: Places) -> list[BundleRow]:
        limits = self._limits
        endpoint_ids = await repository.lock_endpoints(
            connection, closed=closed, endpoints_max=limits.endpoints_max, lock_class=LOCK_CLASS
        )
        if not endpoint_ids:
            return []
        reaches = [self._reach_of(endpoint_id, places) for endpoint_id in endpoint_ids]
        return await repository.claim_bundles(connection, endpoint_ids=endpoint_ids, places=reaches, reach=limits.reach)

    def _reach_of(self, endpoint_id: UUID, places: Places) -> int:
        """For how many bodies facts are claimed; a crowd that must wait hides nobody behind it, as far as one looks."""
        return self._limits.head_max if endpoint_id in self._crowded else places(endpoint_id)

    def _portion(self, bundles: list[Opened], due: list[Due], requests: Requests, places: Places) -> Portioned:
        """One fact a body while the traffic is calm; how much is due decides, not how much finds room now."""
        endpoint_id, max_updates = bundles[0].row.endpoint_id, bundles[0].row.max_updates
        ready = timely(due, requests, defer_max_seconds=self._limits.defer_max_seconds)
        is_calm = self._pace.is_calm(endpoint_id, len(ready))
        size = 1 if is_calm else min(max_updates, self._limits.values_max)
        bodies = portions(ready, size=size, places=places(endpoint_id))
        return Portioned(endpoint_id, bodies, len(ready), is_calm, is_crowded=2 * len(ready) < len(due))

    async def _pack_all(self, portioned: Portioned, values: Encoded) -> list[Packed]:
        packed = []
        for body in portioned.bodies:
            packed.append(await self._pack(body, values))
            await self._values.breathe()
        self._pace.told(portioned.endpoint_id, sum(len(one.told) for one in packed))
        return packed

    def _round(self, portioned: Sequence[Portioned], packed: Sequence[Packed], broken: list[UUID]) -> Round:
        """The next round follows at once where a body could be filled, or facts are left and nothing is under way."""
        posts = [post for one in packed for post in one.posts]
        called = {post.endpoint_id for post in posts}
        left = {one.endpoint_id for one in portioned if one.due > one.facts}.difference(broken)
        full = any(not one.is_calm and one.due >= self._limits.values_max for one in portioned)
        return Round(
            posts,
            broken,
            sum(one.facts for one in portioned),
            is_full=full or not left <= called,
            left=frozenset(left),
        )

    async def _unseal(self, row: DeliveryRow) -> Post:
        key = await self._keyring.opening_key(row.tenant_id, PURPOSE, crypto.sealed_key_id(row.body))
        body = crypto.open_sealed(key, delivery_body(row.tenant_id, str(row.id)), row.body)
        secrets = await self._secrets(row)
        return Post(row.id, row.tenant_id, row.endpoint_id, row.attempt, row.facts, row.url, secrets, body)

    async def _pack(self, facts: list[Due], values: Encoded) -> Packed:
        packed = Packed([], [], [], [])
        inside: list[Value] = []
        size = 0
        for due in facts:
            if size > self._limits.body_bytes_max:
                break  # the rest stays for the next delivery
            value = values[due.key]
            if value is None:
                packed.dropped.append(due)
                continue
            packed.told.append(due)
            inside.append(value)
            size += len(value.value)
        if inside:
            await self._freeze(packed, envelope.envelope(inside))
        return packed

    async def _freeze(self, packed: Packed, body: bytes) -> None:
        """Seal the body under a new id; the first attempt is this one."""
        facts, row = packed.told, packed.told[0].row
        delivery_id, tenant_id, endpoint_id = uuid7(), row.tenant_id, row.endpoint_id
        key = await self._keyring.key(tenant_id, PURPOSE)
        sealed = crypto.seal(key, delivery_body(tenant_id, str(delivery_id)), body)
        secrets = await self._secrets(row)
        people = sorted({due.conversation for due in facts})
        packed.new.append(NewDelivery(delivery_id, tenant_id, endpoint_id, sealed, len(facts), people))
        packed.posts.append(Post(delivery_id, tenant_id, endpoint_id, 1, len(facts), row.url, secrets, body))
        metrics.PACK_SIZE.observe(len(facts))

    async def _secrets(self, row: BundleRow | DeliveryRow) -> tuple[str, ...]:
        sealed = [row.secret] if row.old_secret is None else [row.secret, row.old_secret]
        return await open_secrets(self._keyring, row.tenant_id, row.endpoint_id, sealed)

    async def _write(self, connection: AsyncConnection, bundles: Sequence[Opened], packed: Sequence[Packed]) -> None:
        new = [delivery for one in packed for delivery in one.new]
        if new:
            await repository.add_deliveries(connection, new, lease_seconds=self._limits.lease_seconds)
            await told.remember(connection, [row for one in packed for row in _told(one)])
        done, left = rest(bundles, [due for one in packed for due in (*one.told, *one.dropped)])
        if done:
            await repository.remove_bundles(connection, done)
        if left:
            await repository.leave_bundles(connection, left)


def _told(packed: Packed) -> list[Told]:
    """One row for what a delivery tells for the first time, one for what it tells again."""
    return [
        _row(delivery, facts, is_again=is_again)
        for delivery in packed.new
        for is_again in (False, True)
        if (facts := [due for due in packed.told if due.row.is_again is is_again])
    ]


def _row(delivery: NewDelivery, facts: Sequence[Due], *, is_again: bool) -> Told:
    return Told(
        endpoint_id=delivery.endpoint_id,
        tenant_id=delivery.tenant_id,
        delivery_id=delivery.id,
        is_again=is_again,
        made_at=min(due.row.made_at for due in facts),
        sequences=[due.row.sequence for due in facts],
        places=[due.place for due in facts],
        subject_ids=[due.fact.subject_id for due in facts],
    )


def _refuse(tenant_id: UUID, error: ServiceError) -> None:
    """One tenant's keys must not hold up the others; an outage concerns all and is raised."""
    if error.retryable:
        raise error
    _log.error("tenant cannot be called", tenant_id=str(tenant_id), error_class=type(error).__name__)
