"""The values that tell facts: what may be told openly, and what is opened for it (hot path)."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import StoredFact
from services.gateway.contents import service as contents
from services.gateway.deliveries import envelope, metrics, naming
from services.gateway.deliveries.due import Due, FactKey, Subject
from services.gateway.deliveries.envelope import (
    Addressed,
    Inbound,
    MessageContent,
    PlatformContent,
    Reported,
    Sent,
    StatusContent,
    Value,
)
from services.gateway.inbound import service as inbound
from services.gateway.inbound.service import Stored
from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory
from services.kernel import crypto
from services.kernel.crypto.places import platform_value, status_details
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

UNKNOWN_WABA = "0"
MESSAGES = "messages"
BREATH_SECONDS = 0.005
BREATH_FACTS = 10  # a small part of that: so often it is asked whether it is over
# Requests whose address stays open in memory, of 700 bytes each: a message is told of three times within seconds.
SENT_MAX = 20_000

T = TypeVar("T")

_log = get_logger()
_sent = msgspec.json.Decoder(Sent)
_inbound = msgspec.json.Decoder(Inbound)
_reported = msgspec.json.Decoder(Reported)
_object = msgspec.json.Decoder(dict[str, Any])
_status = msgspec.json.Decoder(StatusContent)
_message = msgspec.json.Decoder(MessageContent)
_platform = msgspec.json.Decoder(PlatformContent)
_OPENED = {
    purpose: metrics.OPENINGS.labels(purpose, "opened") for purpose in ("messages", "inbound", "statuses", "platform")
}

Requests = Mapping[Subject, Addressed | None]


class Described(NamedTuple):
    """A number as its tenant is told of it; `tenant_id` is None where nobody has it."""

    tenant_id: UUID | None
    waba_id: str
    metadata: msgspec.Raw


class Arrived(NamedTuple):
    """What people wrote: as it is stored, opened (None: not to be opened), and by tenant our ids by Meta's."""

    stored: Mapping[str, Stored]
    opened: Mapping[str, Inbound | None]
    ours: Mapping[UUID, Mapping[str, str]]


NOTHING_ARRIVED = Arrived({}, {}, {})


class Values:
    """Encodes facts as the values of a callback."""

    def __init__(self, *, keyring: Keyring, directory: Directory, public_url: str) -> None:
        """`public_url`: where tenants reach us, for the urls of media."""
        self._keyring = keyring
        self._directory = directory
        self._public_url = public_url
        self._breathed_at = 0.0
        # The latest opened last. A plain dict would walk over thousands of forgotten ones to find the oldest.
        self._sent: OrderedDict[Subject, Addressed] = OrderedDict()
        self._webhook_key: tuple[UUID, crypto.Key] | None = None  # the latest: a tenant's facts stand together

    async def requests(self, connection: AsyncConnection, facts: Iterable[Due]) -> Requests:
        """How the messages of statuses were addressed, as far as they are stored; None for what does not open."""
        known: dict[Subject, Addressed | None] = {}
        unknown: dict[Subject, UUID] = {}
        for subject, tenant_id in {due.subject: due.row.tenant_id for due in facts if _is_status(due)}.items():
            if (sent := self._sent.get(subject)) is not None:
                known[subject] = sent
            else:
                unknown[subject] = tenant_id
        if unknown:
            found = await contents.bodies(connection, list(unknown.values()), [UUID(name) for _, name in unknown])
            sealed = {str(message_id): body for message_id, body in found.items()}
            for subject, tenant_id in unknown.items():
                if (body := sealed.get(subject[1])) is not None:  # another's does not open
                    known[subject] = await self._addressed(tenant_id, subject, body)
        return known

    async def encoded(
        self, connection: AsyncConnection, facts: Sequence[Due], requests: Requests
    ) -> dict[FactKey, Value | None]:
        """The value of each fact, by its key; None for one that says nothing we can read: it is dropped and counted."""
        self._webhook_key = None  # a key that was destroyed opens nothing after this
        numbers = {name: await self._described(name) for name in {due.fact.phone_number_id for due in facts}}
        arrived = await self._arrived(connection, facts)
        values: dict[FactKey, Value | None] = {}
        for due in facts:
            if (key := due.key) not in values:
                values[key] = await self._value(due, numbers[due.fact.phone_number_id], requests, arrived)
                if len(values) % BREATH_FACTS == 0:
                    await self.breathe()
        return values

    async def breathe(self) -> None:
        """A hundred openings take milliseconds: let the loop turn, but not after every small tenant."""
        if time.monotonic() - self._breathed_at > BREATH_SECONDS:
            await asyncio.sleep(0)
            self._breathed_at = time.monotonic()

    async def _addressed(self, tenant_id: UUID, subject: Subject, body: bytes) -> Addressed | None:
        await self.breathe()
        opening = contents.open_body(self._keyring, tenant_id, subject[1], body)
        sent = await _read("messages", tenant_id, opening, _sent)
        if sent is None:
            return None
        addressed = self._sent[subject] = envelope.addressed(sent)
        if len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)
        return addressed

    async def _described(self, phone_number_id: str) -> Described:
        if (number := await self._directory.number(phone_number_id)) is None:
            return Described(None, UNKNOWN_WABA, envelope.metadata(phone_number_id, None))
        shown = number.display_phone_number.removeprefix("+")
        return Described(number.tenant_id, number.waba_id, envelope.metadata(phone_number_id, shown))

    async def _arrived(self, connection: AsyncConnection, facts: Iterable[Due]) -> Arrived:
        """Everything that values of inbound messages need, with one query of a kind for all of them."""
        tenants = {due.fact.subject_id: due.row.tenant_id for due in facts if due.fact.kind == "message"}
        if not tenants:
            return NOTHING_ARRIVED
        ids = [UUID(inbound_id) for inbound_id in tenants]
        found = await inbound.contents(connection, tenant_ids=list(tenants.values()), ids=ids)
        stored = {str(inbound_id): content for inbound_id, content in found.items()}
        opened: dict[str, Inbound | None] = {}
        for inbound_id, one in stored.items():
            opening = contents.open_inbound(self._keyring, tenants[inbound_id], inbound_id, one.content)
            message = await _read("inbound", tenants[inbound_id], opening, _inbound)
            opened[inbound_id] = message
            await self.breathe()
        named = {
            (tenants[inbound_id], name)
            for inbound_id, one in opened.items()
            if one is not None
            for name in naming.named_ids({key: field for key, field in one.message.items() if key != "id"})
        }
        return Arrived(stored, opened, await naming.our_ids(connection, self._keyring, named))

    async def _value(self, due: Due, number: Described, requests: Requests, arrived: Arrived) -> Value | None:
        tenant_id, fact = due.row.tenant_id, due.fact
        try:
            if fact.kind == "platform":
                return await self._platform_value(tenant_id, fact)
            if number.tenant_id is None or number.tenant_id.int != tenant_id.int:  # as numbers: UUIDs compare slowly
                number = Described(None, UNKNOWN_WABA, envelope.metadata(fact.phone_number_id, None))
            if fact.kind == "status":
                content, reported = _status.decode(fact.content), None
                if (sealed := content.sealed_details) is not None:
                    opening = self._open_webhooks(status_details(tenant_id, fact.event_id), sealed)
                    reported = await _read("statuses", tenant_id, opening, _reported)
                value = envelope.status_value(
                    fact,
                    metadata=number.metadata,
                    content=content,
                    addressed=requests.get(due.subject),
                    reported=reported,
                )
            else:
                value = self._message_value(tenant_id, fact, number, arrived)
            return Value(number.waba_id, MESSAGES, value)
        except msgspec.MsgspecError:
            metrics.FACTS_DROPPED.labels("malformed").inc()
            _log.error("fact is malformed", event_id=fact.event_id, kind=fact.kind)
            return None

    def _message_value(self, tenant_id: UUID, fact: StoredFact, number: Described, arrived: Arrived) -> bytes:
        stored = arrived.stored.get(fact.subject_id)
        opened = arrived.opened.get(fact.subject_id)
        kind = stored.kind if stored else "unknown"
        return envelope.message_value(
            event_id=fact.event_id,
            inbound_id=UUID(fact.subject_id),
            metadata=number.metadata,
            content=_message.decode(fact.content),
            inbound=opened or envelope.unreadable_message(kind=kind, timestamp=fact.timestamp),
            ours=arrived.ours.get(tenant_id, {}),
            public_url=self._public_url,
        )

    async def _platform_value(self, tenant_id: UUID, fact: StoredFact) -> Value | None:
        content = _platform.decode(fact.content)
        opening = self._open_webhooks(platform_value(tenant_id, fact.event_id), content.sealed_value)
        said = await _read("platform", tenant_id, opening, _object)
        if said is None:
            metrics.FACTS_DROPPED.labels("not_opened").inc()
            return None
        value = envelope.platform_value(event_id=fact.event_id, value=said)
        return Value(content.waba_id, content.field, value, content.time)

    async def _open_webhooks(self, place: crypto.Place, sealed: bytes) -> bytes:
        """What the webhook sealed with its own data key."""
        tenant_id, key_id, known = place.tenant_id, crypto.sealed_key_id(sealed), self._webhook_key
        # Their numbers, because comparing UUIDs is slow.
        if known is None or known[0].int != tenant_id.int or known[1].id.int != key_id.int:
            known = (tenant_id, await self._keyring.service_opening_key(tenant_id, "webhook", key_id))
            self._webhook_key = known
        return crypto.open_sealed(known[1], place, sealed)


async def _read(purpose: str, tenant_id: UUID, opening: Awaitable[bytes], decoder: msgspec.json.Decoder[T]) -> T | None:
    """One automatic opening for the tenant's own callbacks, counted; what will never open is told without it.

    An outage is raised, and the facts wait.
    """
    try:
        opened = decoder.decode(await opening)
    except (ServiceError, msgspec.MsgspecError) as error:
        if isinstance(error, ServiceError) and error.retryable:
            raise
        metrics.OPENINGS.labels(purpose, "failed").inc()
        _log.error("content does not open", kind=purpose, tenant_id=str(tenant_id), error_class=type(error).__name__)
        return None
    _OPENED[purpose].inc()
    return opened


def _is_status(due: Due) -> bool:
    return due.fact.kind == "status"
