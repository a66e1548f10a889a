"""The send door's decisions: who may send what from which number, and when it counts as accepted (hot path)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils.compat import uuid7

from services.gateway.graph.errors import (
    Busy,
    Down,
    GraphError,
    InProgress,
    InvalidKey,
    Locked,
    NoSuchNumber,
    NoSuchTemplate,
    OtherBody,
    ParameterCount,
    RateLimited,
    SameNumber,
)
from services.gateway.graph.metrics import ACCEPTED
from services.gateway.idempotency import service as idempotency
from services.gateway.idempotency.service import Claim, IdempotencyKeys, KeyInUse, KeyOfAnotherRequest
from services.gateway.keys.service import Keyring
from services.gateway.templates.service import Catalogue, Template, TemplateKey
from services.gateway.tenants.service import ApiPrincipal, Directory, Number
from services.kernel import crypto
from services.kernel.batcher import Batcher
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.messages import Category, Kind, Lane, MessageAccepted
from services.kernel.errors import DEPENDENCY_ERRORS, Overloaded, Unavailable, is_retryable
from services.kernel.logging import get_logger

# A message that nobody could send within a day is no longer what the tenant meant (architecture 2.1).
TIME_TO_LIVE = timedelta(hours=24)

TICK_SECONDS = 0.025  # Meta's own answers take longer; halves the broker's work (performance 7, row 4)
BATCH_MAX = 500
PENDING_MAX = 10_000  # about 20 MB of sealed bodies
PUBLISH_TIMEOUT_SECONDS = 8.0  # shorter than the lease of an idempotency key
RETRY_AFTER_SECONDS = 1

_log = get_logger()

Publish = Callable[[Sequence[Event]], Awaitable[None]]


class TemplateUse(NamedTuple):
    name: str
    language: str
    body_parameters: int


@dataclass(frozen=True, slots=True)
class Send:
    """A checked request: `body` is its canonical JSON, `phone` is E.164 with '+', `to` is what the tenant wrote."""

    to: str = field(repr=False)
    phone: str = field(repr=False)
    country: str
    kind: Kind
    body: bytes = field(repr=False)
    template: TemplateUse | None = None


class RateLimit:
    """A token bucket per tenant, in memory: one second's worth may come at once."""

    def __init__(self, per_second: int) -> None:
        self._per_second = float(per_second)
        self._buckets: dict[UUID, tuple[float, float]] = {}  # one per tenant that ever posted here

    def take(self, tenant_id: UUID) -> bool:
        now = monotonic()
        tokens, at = self._buckets.get(tenant_id, (self._per_second, now))
        tokens = min(self._per_second, tokens + (now - at) * self._per_second)
        self._buckets[tenant_id] = (max(0.0, tokens - 1.0), now)
        return tokens >= 1.0


class Door:
    """Takes messages in: `accept` returns when Kafka has acknowledged the acceptance."""

    def __init__(
        self,
        *,
        directory: Directory,
        keyring: Keyring,
        catalogue: Catalogue,
        keys: IdempotencyKeys,
        publish: Publish,
        accept_per_second: int,
    ) -> None:
        self._directory = directory
        self._keyring = keyring
        self._catalogue = catalogue
        self._keys = keys
        self._publish = publish
        self._rate = RateLimit(accept_per_second)
        self._acceptances: Batcher[Event, None] = Batcher(
            "acceptances", self._write, tick_seconds=TICK_SECONDS, batch_max=BATCH_MAX, pending_max=PENDING_MAX
        )

    def start(self) -> None:
        self._keys.start()
        self._acceptances.start()

    async def stop(self) -> None:
        """Write what was taken in, then end its leases."""
        await self._acceptances.stop()
        await self._keys.stop()

    async def enter(self, api_key: str | None) -> ApiPrincipal:
        """Who posts; raises GraphError for an unknown key, a locked tenant or too many requests."""
        try:
            principal = await self._directory.principal(api_key) if api_key else None
        except Unavailable as error:
            raise Down(str(error), retry_after_seconds=RETRY_AFTER_SECONDS) from error
        if principal is None:
            raise InvalidKey("Give a valid API key: Authorization: Bearer vk_live_...")
        if not self._rate.take(principal.tenant_id):
            raise RateLimited("Too many requests of your account: slow down.", retry_after_seconds=RETRY_AFTER_SECONDS)
        if principal.tenant_state != "active":
            raise Locked("Your account is suspended: ask your provider.")
        return principal

    async def accept(
        self, principal: ApiPrincipal, phone_number_id: str, send: Send, idempotency_key: str | None
    ) -> UUID:
        """The id of the accepted message, which is never lost from now on; raises GraphError."""
        try:
            return await self._accept(principal, phone_number_id, send, idempotency_key)
        except Overloaded as error:
            raise Busy("We are full: try again.", retry_after_seconds=RETRY_AFTER_SECONDS) from error
        except (Unavailable, *DEPENDENCY_ERRORS) as error:
            if not is_retryable(error):
                _log.error("acceptance failed", exc_info=error)
            raise Down(
                "We could not take the message in: try again.", retry_after_seconds=RETRY_AFTER_SECONDS
            ) from error

    async def _accept(
        self, principal: ApiPrincipal, phone_number_id: str, send: Send, idempotency_key: str | None
    ) -> UUID:
        number = await self._number(principal.tenant_id, phone_number_id)
        if idempotency_key is None:
            template = await self._check(number, send)
            return await self._take_in(uuid7(), number, send, template)
        claim = await self._claim(number, send, idempotency_key)
        try:
            template = await self._check(number, send)
        except GraphError:
            if message_id := await self._keys.finished(claim):
                return message_id  # it was fine when it was accepted; a repeat gets the same answer
            raise
        return await self._take_in_once(claim, number, send, template)

    async def _number(self, tenant_id: UUID, phone_number_id: str) -> Number:
        number = await self._directory.number(phone_number_id)
        if number is None or number.tenant_id != tenant_id:
            raise NoSuchNumber
        return number

    async def _check(self, number: Number, send: Send) -> Template | None:
        if number.state != "active":
            raise Locked("This number is suspended: ask your provider.")
        if send.phone == number.display_phone_number:
            raise SameNumber("to is the sending number itself: give another recipient.")
        if send.template is None:
            return None
        return await self._checked_template(number, send.template)

    async def _checked_template(self, number: Number, use: TemplateUse) -> Template:
        key = TemplateKey(number.tenant_id, number.waba_id, use.name, use.language)
        template = await self._catalogue.approved(key)
        if template is None:
            raise NoSuchTemplate(
                f"template name ({use.name}) does not exist in {use.language}, or is not approved: "
                "use an approved template."
            )
        if use.body_parameters != template.body_parameters:
            raise ParameterCount(
                f"body: number of localizable_params ({use.body_parameters}) does not match the expected number of "
                f"params ({template.body_parameters}): send exactly {template.body_parameters} body parameters."
            )
        return template

    async def _claim(self, number: Number, send: Send, idempotency_key: str) -> Claim:
        index_key = await self._keyring.index_key(number.tenant_id)
        return Claim(
            tenant_id=number.tenant_id,
            key_index=crypto.blind_index(index_key, "idempotency", idempotency_key),
            fingerprint=crypto.keyed_hash(index_key, crypto.pack(number.phone_number_id.encode(), send.body)),
            message_id=uuid7(),
        )

    async def _take_in_once(self, claim: Claim, number: Number, send: Send, template: Template | None) -> UUID:
        """Under its idempotency key; a crash anywhere in here leaves a lease that ends by itself."""
        try:
            taken = await self._keys.take(claim)
        except KeyInUse as error:
            raise InProgress(str(error), retry_after_seconds=error.retry_after_seconds) from error
        except KeyOfAnotherRequest as error:
            raise OtherBody(str(error)) from error
        if taken.is_finished:
            return taken.message_id
        try:
            await self._take_in(taken.message_id, number, send, template)
        except (Unavailable, *DEPENDENCY_ERRORS):
            await self._release(claim, taken.message_id)
            raise
        await self._finish(claim, taken.message_id)
        return taken.message_id

    async def _take_in(self, message_id: UUID, number: Number, send: Send, template: Template | None) -> UUID:
        await self._acceptances.submit(await self._accepted(message_id, number, send, template))
        ACCEPTED.labels(send.kind, lane_of(send.kind, template)).inc()
        return message_id

    async def _accepted(
        self, message_id: UUID, number: Number, send: Send, template: Template | None
    ) -> MessageAccepted:
        tenant_id = number.tenant_id
        key = await self._keyring.key(tenant_id, "messages")
        index_key = await self._keyring.index_key(tenant_id)
        occurred_at = time_of(message_id)
        return MessageAccepted(
            id=event_id(message_id, "accepted"),
            occurred_at=occurred_at,
            tenant_id=tenant_id,
            message_id=message_id,
            phone_number_id=number.phone_number_id,
            person=crypto.blind_index(index_key, "phone", send.phone),
            kind=send.kind,
            category=category_of(template),
            country=send.country,
            lane=lane_of(send.kind, template),
            expires_at=occurred_at + TIME_TO_LIVE,
            body=crypto.seal(key, crypto.Place(tenant_id, "messages", "body", str(message_id)), send.body),
            template_id=template.id if template else None,
            template_version=template.version if template else None,
        )

    async def _write(self, events: Sequence[Event]) -> Sequence[None]:
        async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS):
            await self._publish(events)
        return [None] * len(events)

    async def _release(self, claim: Claim, message_id: UUID) -> None:
        try:
            await self._keys.release(claim, message_id)
        except (Unavailable, *DEPENDENCY_ERRORS):
            return  # the lease ends by itself

    async def _finish(self, claim: Claim, message_id: UUID) -> None:
        try:
            await self._keys.finish(claim, message_id)
        except (Unavailable, *DEPENDENCY_ERRORS):
            return  # accepted all the same; a repeat publishes the same fact again, which changes nothing


def category_of(template: Template | None) -> Category:
    """Free-form messages are service conversations; a template says its own category."""
    return template.category if template else "service"


def lane_of(kind: Kind, template: Template | None) -> Lane:
    """Replies and codes must not wait behind a mailing."""
    return "express" if kind == "text" or category_of(template) == "authentication" else "bulk"


def time_of(message_id: UUID) -> datetime:
    """The moment inside a UUIDv7: a fact that is published again has the same time, and so meets its own row."""
    return datetime.fromtimestamp((message_id.int >> 80) / 1_000, UTC)


async def prune_idempotency_keys(connection: AsyncConnection) -> int:
    """Delete one batch of keys that are older than 72 h; returns how many. The worker calls it now and then."""
    return await idempotency.prune_idempotency_keys(connection)
