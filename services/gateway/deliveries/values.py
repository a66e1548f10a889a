"""The value that tells one fact: what may be told openly, and what is opened for it (hot path)."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents import service as contents
from services.gateway.deliveries import envelope, metrics
from services.gateway.deliveries.envelope import MessageContent, StatusContent, Value
from services.gateway.deliveries.openings import Openings
from services.gateway.deliveries.repository import FactRow
from services.gateway.inbound import service as inbound
from services.gateway.inbound.service import Stored
from services.gateway.keys.service import Keyring
from services.gateway.tenants.service import Directory
from services.kernel.logging import get_logger

UNKNOWN_WABA = "0"

_log = get_logger()
_status = msgspec.json.Decoder(StatusContent)
_message = msgspec.json.Decoder(MessageContent)


class Contents(NamedTuple):
    """Sealed contents of one round's facts, by message and inbound id."""

    sent: dict[UUID, bytes]
    inbound: dict[UUID, Stored]


async def fetch(connection: AsyncConnection, facts: Sequence[FactRow]) -> Contents:
    """The sealed contents that these facts speak of."""
    statuses = [fact for fact in facts if fact.kind == "status"]
    arrived = [fact for fact in facts if fact.kind == "message"]
    sent: dict[UUID, bytes] = {}
    stored: dict[UUID, Stored] = {}
    if statuses:
        sent = await contents.bodies(
            connection, [fact.tenant_id for fact in statuses], [fact.subject_id for fact in statuses]
        )
    if arrived:
        stored = await inbound.contents(
            connection,
            tenant_ids=[fact.tenant_id for fact in arrived],
            ids=[fact.subject_id for fact in arrived],
        )
    return Contents(sent, stored)


class Values:
    """Encodes facts as the values of a callback."""

    def __init__(self, *, keyring: Keyring, directory: Directory) -> None:
        self._directory = directory
        self._openings = Openings(keyring)

    async def value(self, fact: FactRow, contents: Contents) -> Value | None:
        """None for a fact that says nothing we can read: it is dropped and counted."""
        number = await self._directory.number(fact.phone_number_id)
        if number is None or number.tenant_id != fact.tenant_id:
            waba_id, shown = UNKNOWN_WABA, None
        else:
            waba_id, shown = number.waba_id, number.display_phone_number.removeprefix("+")
        metadata = envelope.metadata(fact.phone_number_id, shown)
        try:
            tell = self._status_value if fact.kind == "status" else self._message_value
            return Value(waba_id, await tell(fact, contents, metadata))
        except msgspec.MsgspecError:
            metrics.FACTS_DROPPED.labels("malformed").inc()
            _log.error("fact is malformed", event_id=str(fact.event_id), kind=fact.kind)
            return None

    async def _status_value(self, fact: FactRow, contents: Contents, metadata: dict[str, str]) -> bytes:
        content = _status.decode(fact.content)
        sealed = contents.sent.get(fact.subject_id)
        sent = None if sealed is None else await self._openings.sent(fact.tenant_id, fact.subject_id, sealed)
        errors = None if content.error is None else [content.error]
        if content.sealed_errors is not None:
            sealed_for = content.errors_event_id or fact.event_id
            errors = await self._openings.errors(fact.tenant_id, sealed_for, content.sealed_errors) or errors
        return envelope.status_value(
            event_id=fact.event_id,
            message_id=fact.subject_id,
            occurred_at=fact.occurred_at,
            metadata=metadata,
            content=content,
            sent=sent,
            errors=errors,
        )

    async def _message_value(self, fact: FactRow, contents: Contents, metadata: dict[str, str]) -> bytes:
        stored = contents.inbound.get(fact.subject_id)
        kind = stored.kind if stored else "unknown"
        opened = await self._openings.inbound(fact.tenant_id, fact.subject_id, stored.content) if stored else None
        return envelope.message_value(
            event_id=fact.event_id,
            inbound_id=fact.subject_id,
            metadata=metadata,
            content=_message.decode(fact.content),
            inbound=opened or envelope.unreadable_message(kind=kind, occurred_at=fact.occurred_at),
        )
