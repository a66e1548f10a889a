"""The send door's decisions: who may send what from which number, and when it counts as accepted (hot path)."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from services.gateway.aliases.service import Alias, Aliases
from services.gateway.graph import fitting
from services.gateway.graph.errors import (
    Busy,
    Down,
    GraphError,
    InProgress,
    InvalidKey,
    NoSuchNumber,
    NotAllowed,
    OtherBody,
    RateLimited,
    SameNumber,
)
from services.gateway.graph.facts import accepted, category_of
from services.gateway.graph.metrics import accepted_of
from services.gateway.graph.rewriting import Rewriter
from services.gateway.graph.sends import Marks, Posting, ReadMark, Send
from services.gateway.graph.standing import check_account, check_number
from services.gateway.idempotency.service import Claim, IdempotencyKeys, KeyInUse, KeyOfAnotherRequest
from services.gateway.keys.service import Keyring
from services.gateway.rates import TokenBuckets
from services.gateway.templates.service import Catalogue, Template, TemplateKey
from services.gateway.tenants.service import ApiPrincipal, Directory, Doorkeeper, Number, Visit
from services.kernel import crypto
from services.kernel.batcher import Batcher
from services.kernel.contracts import Event
from services.kernel.contracts.messages import Category
from services.kernel.errors import DEPENDENCY_ERRORS, Overloaded, ServiceError, Unavailable, is_retryable
from services.kernel.identifiers import uuid7
from services.kernel.logging import get_logger

TICK_SECONDS = 0.04  # the broker writes to the disk once for each batch and partition: its work falls as this grows
BATCH_MAX = 500
PENDING_MAX = 10_000
PENDING_BYTES_MAX = 64 * 1024 * 1024  # sealed bodies that wait for the broker; a usual one has 1 KB
PUBLISH_TIMEOUT_SECONDS = 8.0  # shorter than the lease of an idempotency key
RETRY_AFTER_SECONDS = 1
TENANTS_MAX = 100_000
SHUT: dict[int, type[GraphError]] = {401: InvalidKey, 403: NotAllowed, 429: RateLimited}

_log = get_logger()

Publish = Callable[[Sequence[Event]], Awaitable[None]]


class Checked(NamedTuple):
    """A send that may go out: its template, and the exact body for Meta."""

    template: Template | None
    body: bytes

    def __repr__(self) -> str:
        return f"Checked(template={self.template!r})"


class Examined(NamedTuple):
    """What is judged of a send that nobody takes in: the person's index, and the category."""

    person: str
    category: Category


class Door:
    """Takes messages in: `accept` returns when Kafka has acknowledged the acceptance."""

    def __init__(
        self,
        *,
        directory: Directory,
        doorkeeper: Doorkeeper,
        keyring: Keyring,
        catalogue: Catalogue,
        keys: IdempotencyKeys,
        rewriter: Rewriter,
        aliases: Aliases,
        marks: Marks,
        publish: Publish,
        accept_per_second: int,
    ) -> None:
        self._directory = directory
        self._doorkeeper = doorkeeper
        self._keyring = keyring
        self._catalogue = catalogue
        self._keys = keys
        self._rewriter = rewriter
        self._aliases = aliases
        self._marks = marks
        self._publish = publish
        self._accept_per_second = accept_per_second
        self._rates: TokenBuckets[UUID] = TokenBuckets(entries_max=TENANTS_MAX)
        self._pending_bytes = 0
        self._acceptances: Batcher[Event, None] = Batcher(
            "acceptances", self._write, tick_seconds=TICK_SECONDS, batch_max=BATCH_MAX, pending_max=PENDING_MAX
        )

    def start(self) -> None:
        self._keys.start()
        self._aliases.start()
        self._acceptances.start()

    async def stop(self) -> None:
        """Write what was taken in, then end its leases."""
        await self._acceptances.stop()
        await self._aliases.stop()
        await self._keys.stop()

    async def enter(self, visit: Visit) -> ApiPrincipal:
        """Who posts one message; raises GraphError for a key that does not open, a locked tenant, too many requests."""
        principal = await self.admit(visit)
        self.take_token(principal)
        return principal

    async def admit(self, visit: Visit) -> ApiPrincipal:
        """Who posts, whatever it is; raises GraphError."""
        try:
            principal = await self._doorkeeper.admit(visit, "messages:send")
        except ServiceError as error:
            raise _shut(error) from error
        check_account(principal)
        return principal

    def take_token(self, principal: ApiPrincipal) -> None:
        """Count one message against the tenant's rate; raises RateLimited."""
        if self._rates.take(principal.tenant_id, self._accept_per_second) < 0.0:
            raise RateLimited("Too many requests of your account: slow down.", retry_after_seconds=RETRY_AFTER_SECONDS)

    async def accept(self, principal: ApiPrincipal, posting: Posting) -> UUID:
        """The id of the accepted message, which is never lost from now on; raises GraphError."""
        try:
            return await self._accept(principal, posting)
        except (Unavailable, *DEPENDENCY_ERRORS) as error:
            raise _outage(error, "We could not take the message in: try again.") from error

    async def examine(self, principal: ApiPrincipal, phone_number_id: str, send: Send) -> Examined:
        """Look at everything that `accept` looks at, and take nothing in; raises GraphError."""
        check_account(principal)
        try:
            number = await self._number(principal.tenant_id, phone_number_id)
            checked = await self._check(number, send)
            person = await self._person(number.tenant_id, send)
        except (Unavailable, *DEPENDENCY_ERRORS) as error:
            raise _outage(error, "We could not check the message: try again.") from error
        return Examined(person, category_of(checked.template))

    async def mark_read(self, principal: ApiPrincipal, phone_number_id: str, mark: ReadMark) -> None:
        """Return when Meta knows that the person's message was read; raises GraphError."""
        try:
            await self._marks.mark(await self._active_number(principal.tenant_id, phone_number_id), mark)
        except (Unavailable, *DEPENDENCY_ERRORS) as error:
            raise _outage(error, "We could not mark the message as read: try again.") from error

    async def _accept(self, principal: ApiPrincipal, posting: Posting) -> UUID:
        number = await self._number(principal.tenant_id, posting.phone_number_id)
        if posting.idempotency_key is None:
            return await self._take_in(uuid7(), number, posting, await self._check(number, posting.send))
        claim = await self._claim(number, posting, posting.idempotency_key)
        try:
            checked = await self._check(number, posting.send)
        except GraphError:
            if message_id := await self._keys.finished(claim):
                return message_id  # it was fine when it was accepted; a repeat gets the same answer
            raise
        return await self._take_in_once(claim, number, posting, checked)

    async def _number(self, tenant_id: UUID, phone_number_id: str) -> Number:
        number = await self._directory.number(phone_number_id)
        if number is None or number.tenant_id != tenant_id:
            raise NoSuchNumber
        return number

    async def _active_number(self, tenant_id: UUID, phone_number_id: str) -> Number:
        number = await self._number(tenant_id, phone_number_id)
        check_number(number)
        return number

    async def _check(self, number: Number, send: Send) -> Checked:
        check_number(number)
        if send.phone == number.display_phone_number:
            raise SameNumber("to is the sending number itself: give another recipient.")
        template = None
        if send.template is not None:
            key = TemplateKey(number.tenant_id, number.waba_id, send.template.name, send.template.language)
            template = fitting.fitted(await self._catalogue.approved(key), send)
        body = await self._rewriter.meta_body(number, send) if send.has_references else send.body
        return Checked(template, body)

    async def _claim(self, number: Number, posting: Posting, idempotency_key: str) -> Claim:
        """The fingerprint is of what the tenant wrote, not of what Meta's ids make of it."""
        index_key = await self._keyring.index_key(number.tenant_id)
        send = posting.send
        terms = f"{posting.expires_in_seconds} {send.max_price_micros}".encode()
        return Claim(
            tenant_id=number.tenant_id,
            key_index=crypto.blind_index(index_key, "idempotency", idempotency_key),
            fingerprint=crypto.keyed_hash(index_key, crypto.pack(number.phone_number_id.encode(), terms, send.body)),
            message_id=uuid7(),
        )

    async def _take_in_once(self, claim: Claim, number: Number, posting: Posting, checked: Checked) -> UUID:
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
            await self._take_in(taken.message_id, number, posting, checked)
        except (Unavailable, *DEPENDENCY_ERRORS):
            await self._release(claim, taken.message_id)
            raise
        await self._finish(claim, taken.message_id)
        return taken.message_id

    async def _take_in(self, message_id: UUID, number: Number, posting: Posting, checked: Checked) -> UUID:
        send, template = posting.send, checked.template
        event = await accepted(
            self._keyring,
            message_id=message_id,
            number=number,
            send=send,
            person=await self._person(number.tenant_id, send),
            body=checked.body,
            template=template,
            expires_in_seconds=posting.expires_in_seconds,
        )
        await self._submit(event, len(event.body))
        accepted_of(send.kind, event.lane).inc()
        return message_id

    async def _person(self, tenant_id: UUID, send: Send) -> str:
        """The keyed index under which consent knows the person."""
        index_key = await self._keyring.index_key(tenant_id)
        if send.phone is not None:
            return crypto.blind_index(index_key, "phone", send.phone)
        return await self._aliases.person_of(Alias(tenant_id, crypto.blind_index(index_key, "bsuid", send.bsuid or "")))

    async def _submit(self, event: Event, size: int) -> None:
        if self._pending_bytes + size > PENDING_BYTES_MAX:
            raise Overloaded(f"{PENDING_BYTES_MAX} bytes of messages wait for the broker; try again later")
        self._pending_bytes += size
        try:
            await self._acceptances.submit(event)
        finally:
            self._pending_bytes -= size

    async def _write(self, events: Sequence[Event]) -> Sequence[None]:
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


def _shut(error: ServiceError) -> GraphError:
    """The same refusal in Meta's words."""
    words = f"{error.message[:1].upper()}{error.message[1:]}."
    if error.status in SHUT:
        return SHUT[error.status](words, retry_after_seconds=error.retry_after_seconds)
    return Down(words, retry_after_seconds=RETRY_AFTER_SECONDS)


def _outage(error: Exception, words: str) -> GraphError:
    """What the tenant is told about an outage under the door; what is no outage is logged whole."""
    if isinstance(error, Overloaded):
        return Busy("We are full: try again.", retry_after_seconds=RETRY_AFTER_SECONDS)
    if not is_retryable(error):
        _log.error("acceptance failed", exc_info=error)
    return Down(words, retry_after_seconds=RETRY_AFTER_SECONDS)
