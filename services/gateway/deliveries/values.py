"""The value that tells one fact: what may be told openly, and what is opened for it (hot path)."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents import service as contents
from services.gateway.deliveries import envelope, metrics, naming
from services.gateway.deliveries.envelope import (
    Inbound,
    MessageContent,
    PlatformContent,
    Sent,
    StatusContent,
    Value,
)
from services.gateway.deliveries.openings import Openings
from services.gateway.deliveries.repository import FactRow
from services.gateway.inbound import service as inbound
from services.gateway.inbound.service import Stored
from services.gateway.keys.service import Keyring
from services.gateway.messages import service as messages
from services.gateway.tenants.service import Directory
from services.kernel import crypto
from services.kernel.errors import ServiceError
from services.kernel.logging import get_logger

UNKNOWN_WABA = "0"
MESSAGES = "messages"
BREATH_SECONDS = 0.005
# Requests that stay open in memory, of 400 bytes each: a message is told of three times within seconds.
SENT_MAX = 20_000

_log = get_logger()
_status = msgspec.json.Decoder(StatusContent)
_message = msgspec.json.Decoder(MessageContent)
_platform = msgspec.json.Decoder(PlatformContent)

Name = tuple[UUID, str]  # a tenant, and an id of Meta's
Subject = tuple[UUID, UUID]  # a tenant, and a message


class Contents(NamedTuple):
    """What one round's facts speak of: requests opened (None: not to be opened), messages, and our ids by Meta's."""

    sent: Mapping[UUID, Sent | None]
    inbound: Mapping[UUID, Stored]
    opened: Mapping[UUID, Inbound | None]
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
        self._sent: dict[Subject, Sent] = {}  # the latest opened last

    async def prepare(self, connection: AsyncConnection, facts: Sequence[FactRow]) -> Contents:
        """Everything that these facts' values need of the database, in one query of a kind for all of them."""
        sent = await self._requests(
            connection, {fact.subject_id: fact.tenant_id for fact in facts if fact.kind == "status"}
        )
        arrived = {fact.subject_id: fact.tenant_id for fact in facts if fact.kind == "message"}
        if not arrived:
            return Contents(sent, {}, {}, {})
        stored = await inbound.contents(connection, tenant_ids=list(arrived.values()), ids=list(arrived))
        opened: dict[UUID, Inbound | None] = {}
        for inbound_id, content in stored.items():
            opened[inbound_id] = await self._openings.inbound(arrived[inbound_id], inbound_id, content.content)
            await self._breathe()
        return Contents(sent, stored, opened, await self._our_ids(connection, arrived, opened))

    async def _requests(self, connection: AsyncConnection, tenants: Mapping[UUID, UUID]) -> dict[UUID, Sent | None]:
        """What was sent under these ids, as far as it is stored."""
        known: dict[UUID, Sent | None] = {}
        unknown: dict[UUID, UUID] = {}
        for message_id, tenant_id in tenants.items():
            if (sent := self._sent.get((tenant_id, message_id))) is not None:
                known[message_id] = sent
            else:
                unknown[message_id] = tenant_id
        if unknown:
            sealed = await contents.bodies(connection, list(unknown.values()), list(unknown))
            for message_id, body in sealed.items():
                known[message_id] = await self._opened(unknown[message_id], message_id, body)
        return known

    async def _opened(self, tenant_id: UUID, message_id: UUID, body: bytes) -> Sent | None:
        await self._breathe()
        sent = await self._openings.sent(tenant_id, message_id, body)
        if sent is not None:
            self._sent[tenant_id, message_id] = sent
            if len(self._sent) > SENT_MAX:
                del self._sent[next(iter(self._sent))]
        return sent

    async def value(self, fact: FactRow, contents: Contents) -> Value | None:
        """None for a fact that says nothing we can read: it is dropped and counted."""
        try:
            if fact.kind == "platform":
                return await self._platform_value(fact)
            return await self._value_of_number(fact, contents)
        except msgspec.MsgspecError:
            metrics.FACTS_DROPPED.labels("malformed").inc()
            _log.error("fact is malformed", event_id=str(fact.event_id), kind=fact.kind)
            return None

    async def _value_of_number(self, fact: FactRow, contents: Contents) -> Value:
        number = await self._directory.number(fact.phone_number_id)
        if number is None or number.tenant_id != fact.tenant_id:
            waba_id, shown = UNKNOWN_WABA, None
        else:
            waba_id, shown = number.waba_id, number.display_phone_number.removeprefix("+")
        metadata = envelope.metadata(fact.phone_number_id, shown)
        if fact.kind == "status":
            return Value(waba_id, MESSAGES, await self._status_value(fact, contents, metadata))
        return Value(waba_id, MESSAGES, self._message_value(fact, contents, metadata))

    async def _status_value(self, fact: FactRow, contents: Contents, metadata: dict[str, str]) -> bytes:
        content = _status.decode(fact.content)
        sent = contents.sent.get(fact.subject_id)
        reported = None
        if content.sealed_details is not None:
            reported = await self._openings.reported(fact.tenant_id, fact.event_id, content.sealed_details)
        return envelope.status_value(
            event_id=fact.event_id,
            message_id=fact.subject_id,
            occurred_at=fact.occurred_at,
            metadata=metadata,
            content=content,
            sent=sent,
            reported=reported,
        )

    def _message_value(self, fact: FactRow, contents: Contents, metadata: dict[str, str]) -> bytes:
        stored = contents.inbound.get(fact.subject_id)
        opened = contents.opened.get(fact.subject_id)
        kind = stored.kind if stored else "unknown"
        return envelope.message_value(
            event_id=fact.event_id,
            inbound_id=fact.subject_id,
            metadata=metadata,
            content=_message.decode(fact.content),
            inbound=opened or envelope.unreadable_message(kind=kind, occurred_at=fact.occurred_at),
            ours=contents.ours.get(fact.tenant_id, {}),
            public_url=self._public_url,
        )

    async def _platform_value(self, fact: FactRow) -> Value | None:
        content = _platform.decode(fact.content)
        opened = await self._openings.platform(fact.tenant_id, fact.event_id, content.sealed_value)
        if opened is None:
            metrics.FACTS_DROPPED.labels("not_opened").inc()
            return None
        value = envelope.platform_value(event_id=fact.event_id, value=opened)
        return Value(content.waba_id, content.field, value, content.time)

    async def _our_ids(
        self, connection: AsyncConnection, tenants: Mapping[UUID, UUID], opened: Mapping[UUID, Inbound | None]
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
        sent = await messages.match(connection, [tenant for tenant, _ in indexes], list(indexes.values()))
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
