"""The value that tells one fact: what may be told openly, and what is opened for it (hot path)."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import StoredFact
from services.gateway.contents import service as contents
from services.gateway.deliveries import envelope, metrics, naming
from services.gateway.deliveries.due import Due, Subject
from services.gateway.deliveries.envelope import (
    Addressed,
    Inbound,
    MessageContent,
    PlatformContent,
    StatusContent,
    Value,
)
from services.gateway.deliveries.openings import Openings
from services.gateway.inbound import service as inbound
from services.gateway.inbound.service import Stored
from services.gateway.keys.service import Keyring
from services.gateway.messages import service as messages
from services.gateway.tenants.service import Directory
from services.kernel import clock, crypto
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

UNKNOWN_WABA = "0"
MESSAGES = "messages"
BREATH_SECONDS = 0.005
# Requests whose address stays open in memory, of 700 bytes each: a message is told of three times within seconds.
SENT_MAX = 20_000

_log = get_logger()
_status = msgspec.json.Decoder(StatusContent)
_message = msgspec.json.Decoder(MessageContent)
_platform = msgspec.json.Decoder(PlatformContent)

Name = tuple[UUID, str]  # a tenant, and an id of Meta's


class Described(NamedTuple):
    """A number as its tenant is told of it; `tenant_id` is None where nobody has it."""

    tenant_id: UUID | None
    waba_id: str
    metadata: msgspec.Raw


class Contents(NamedTuple):
    """What one round's facts speak of: numbers, requests (None: not to be opened), messages, and our ids by Meta's."""

    numbers: Mapping[str, Described]
    sent: Mapping[Subject, Addressed | None]
    inbound: Mapping[str, Stored]
    opened: Mapping[str, Inbound | None]
    ours: Mapping[UUID, Mapping[str, str]]


class Values:
    """Encodes facts as the values of a callback."""

    def __init__(self, *, keyring: Keyring, directory: Directory, public_url: str) -> None:
        """`public_url`: where tenants reach us, for the urls of media."""
        self._keyring = keyring
        self._directory = directory
        self._public_url = public_url
        self._openings = Openings(keyring)
        self._breathed_at = 0.0
        # The latest opened last. A plain dict would walk over thousands of forgotten ones to find the oldest.
        self._sent: OrderedDict[Subject, Addressed] = OrderedDict()

    async def prepare(self, connection: AsyncConnection, facts: Sequence[Due]) -> Contents:
        """Everything that these facts' values need of the database, in one query of a kind for all of them."""
        self._openings.forget_keys()
        numbers = {name: await self._described(name) for name in {due.fact.phone_number_id for due in facts}}
        sent = await self._requests(connection, {due.subject: due.row.tenant_id for due in facts if _is_status(due)})
        arrived = {due.fact.subject_id: due.row.tenant_id for due in facts if due.fact.kind == "message"}
        if not arrived:
            return Contents(numbers, sent, {}, {}, {})
        ids = [UUID(subject_id) for subject_id in arrived]
        found = await inbound.contents(connection, tenant_ids=list(arrived.values()), ids=ids)
        stored = {str(inbound_id): content for inbound_id, content in found.items()}
        opened: dict[str, Inbound | None] = {}
        for inbound_id, content in stored.items():
            opened[inbound_id] = await self._openings.inbound(arrived[inbound_id], inbound_id, content.content)
            await self._breathe()
        return Contents(numbers, sent, stored, opened, await self._our_ids(connection, arrived, opened))

    async def _described(self, phone_number_id: str) -> Described:
        if (number := await self._directory.number(phone_number_id)) is None:
            return Described(None, UNKNOWN_WABA, envelope.metadata(phone_number_id, None))
        shown = number.display_phone_number.removeprefix("+")
        return Described(number.tenant_id, number.waba_id, envelope.metadata(phone_number_id, shown))

    async def _requests(
        self, connection: AsyncConnection, tenants: Mapping[Subject, UUID]
    ) -> dict[Subject, Addressed | None]:
        """What was sent under these ids, as far as it is stored."""
        known: dict[Subject, Addressed | None] = {}
        unknown: dict[Subject, UUID] = {}
        for subject, tenant_id in tenants.items():
            if (sent := self._sent.get(subject)) is not None:
                known[subject] = sent
            else:
                unknown[subject] = tenant_id
        if unknown:
            found = await contents.bodies(connection, list(unknown.values()), [UUID(name) for _, name in unknown])
            sealed = {str(message_id): body for message_id, body in found.items()}
            for subject, tenant_id in unknown.items():
                if (body := sealed.get(subject[1])) is not None:  # another's does not open
                    known[subject] = await self._opened(tenant_id, subject, body)
        return known

    async def _opened(self, tenant_id: UUID, subject: Subject, body: bytes) -> Addressed | None:
        await self._breathe()
        sent = await self._openings.sent(tenant_id, subject[1], body)
        if sent is None:
            return None
        addressed = self._sent[subject] = envelope.addressed(sent)
        if len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)
        return addressed

    async def value(self, due: Due, contents: Contents) -> Value | None:
        """None for a fact that says nothing we can read: it is dropped and counted."""
        tenant_id, fact = due.row.tenant_id, due.fact
        try:
            if fact.kind == "platform":
                return await self._platform_value(tenant_id, fact)
            number = contents.numbers[fact.phone_number_id]
            if number.tenant_id is None or number.tenant_id.int != tenant_id.int:  # as numbers: UUIDs compare slowly
                number = Described(None, UNKNOWN_WABA, envelope.metadata(fact.phone_number_id, None))
            if fact.kind == "status":
                return Value(number.waba_id, MESSAGES, await self._status_value(due, contents, number))
            return Value(number.waba_id, MESSAGES, self._message_value(tenant_id, fact, contents, number))
        except msgspec.MsgspecError:
            metrics.FACTS_DROPPED.labels("malformed").inc()
            _log.error("fact is malformed", event_id=fact.event_id, kind=fact.kind)
            return None

    async def _status_value(self, due: Due, contents: Contents, number: Described) -> bytes:
        fact = due.fact
        content = _status.decode(fact.content)
        reported = None
        if content.sealed_details is not None:
            reported = await self._openings.reported(due.row.tenant_id, fact.event_id, content.sealed_details)
        addressed = contents.sent.get(due.subject)
        return envelope.status_value(
            fact, metadata=number.metadata, content=content, addressed=addressed, reported=reported
        )

    def _message_value(self, tenant_id: UUID, fact: StoredFact, contents: Contents, number: Described) -> bytes:
        stored = contents.inbound.get(fact.subject_id)
        opened = contents.opened.get(fact.subject_id)
        kind = stored.kind if stored else "unknown"
        return envelope.message_value(
            event_id=fact.event_id,
            inbound_id=UUID(fact.subject_id),
            metadata=number.metadata,
            content=_message.decode(fact.content),
            inbound=opened or envelope.unreadable_message(kind=kind, timestamp=fact.timestamp),
            ours=contents.ours.get(tenant_id, {}),
            public_url=self._public_url,
        )

    async def _platform_value(self, tenant_id: UUID, fact: StoredFact) -> Value | None:
        content = _platform.decode(fact.content)
        opened = await self._openings.platform(tenant_id, fact.event_id, content.sealed_value)
        if opened is None:
            metrics.FACTS_DROPPED.labels("not_opened").inc()
            return None
        value = envelope.platform_value(event_id=fact.event_id, value=opened)
        return Value(content.waba_id, content.field, value, content.time)

    async def _our_ids(
        self, connection: AsyncConnection, tenants: Mapping[str, UUID], opened: Mapping[str, Inbound | None]
    ) -> dict[UUID, dict[str, str]]:
        """By tenant, our ids of the messages that these name: its own, or of what people wrote to it."""
        names = {
            (tenants[inbound_id], name)
            for inbound_id, one in opened.items()
            if one is not None
            for name in naming.named_ids({key: field for key, field in one.message.items() if key != "id"})
        }
        indexes = await self._indexes(sorted(names))
        if not indexes:
            return {}
        sent = await messages.match(
            connection, [tenant for tenant, _ in indexes], list(indexes.values()), since=clock.now()
        )
        inbound_ids = {name: inbound.inbound_id_of(name[0], index) for name, index in indexes.items()}
        known = await inbound.known(
            connection, tenant_ids=[tenant for tenant, _ in inbound_ids], ids=list(inbound_ids.values())
        )
        ours: dict[UUID, dict[str, str]] = defaultdict(dict)
        for (tenant_id, name), index in indexes.items():
            inbound_id = inbound_ids[tenant_id, name]
            if (row := sent.get((tenant_id, index))) is not None:
                ours[tenant_id][name] = str(row.id)
            elif inbound_id in known:
                ours[tenant_id][name] = str(inbound_id)
        return ours

    async def _indexes(self, names: Sequence[Name]) -> dict[Name, str]:
        """Blind indexes of Meta's ids; a tenant whose keys are gone has none, an outage is raised."""
        indexes: dict[Name, str] = {}
        for tenant_id, name in names:
            try:
                index_key = await self._keyring.index_key(tenant_id)
            except ServiceError as error:
                if error.retryable:
                    raise
                continue
            indexes[tenant_id, name] = crypto.blind_index(index_key, "wamid", name)
        return indexes

    async def _breathe(self) -> None:
        """A hundred openings take milliseconds: let the loop turn."""
        if time.monotonic() - self._breathed_at > BREATH_SECONDS:
            await asyncio.sleep(0)
            self._breathed_at = time.monotonic()


def _is_status(due: Due) -> bool:
    return due.fact.kind == "status"
