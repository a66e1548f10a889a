"""Messages in a tenant's database as the worker leaves them: sent ones with Meta's id, and some that people wrote."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from services.gateway.inbound import service as inbound
from services.gateway.keys.service import Keyring
from services.gateway.messages import service as messages
from services.gateway.messages.service import Move
from services.gateway.messages.states import State
from services.kernel import clock, crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.inbound import InboundReceived, inbound_id_of
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from tests.gateway.stand import Tenant

PERSON_INDEX = "a" * 64
WRITTEN_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Chat:
    """What was said between a tenant's number and a person."""

    def __init__(self, database: Database, keyring: Keyring, tenant: Tenant) -> None:
        self._database = database
        self._keyring = keyring
        self._tenant = tenant

    async def accepted(self) -> UUID:
        """One of ours that was not sent yet."""
        message_id: UUID = uuid7()
        now = clock.now()
        event = MessageAccepted(
            id=event_id(message_id, "accepted"),
            occurred_at=now,
            tenant_id=self._tenant.id,
            message_id=message_id,
            phone_number_id=self._tenant.phone_number_id,
            person=PERSON_INDEX,
            kind="text",
            category="service",
            country="RU",
            lane="express",
            expires_at=now,
            body=b"sealed",
        )
        async with self._database.transaction() as connection:
            await messages.accept(connection, [(event, 1)])
        return message_id

    async def sent(self, wamid: str) -> UUID:
        """One of ours that Meta took."""
        message_id = await self.accepted()
        key = await self._keyring.key(self._tenant.id, "messages")
        place = crypto.Place(self._tenant.id, "messages", "wamid", str(message_id))
        move = Move(
            self._tenant.id,
            message_id,
            State.SENT,
            clock.now(),
            wamid_index=uuid4().hex,
            wamid=crypto.seal(key, place, wamid.encode()),
        )
        async with self._database.transaction() as connection:
            await messages.move(connection, [move])
        return message_id

    async def written(self, wamid: str) -> UUID:
        """One that the person wrote, as the webhook seals it."""
        tenant_id = self._tenant.id
        wamid_index = crypto.blind_index(await self._keyring.index_key(tenant_id), "wamid", wamid)
        inbound_id = inbound_id_of(tenant_id, wamid_index)
        key = await self._keyring.service_key(tenant_id, "webhook")
        place = crypto.Place(tenant_id, "inbound_messages", "wamid", str(inbound_id))
        event = InboundReceived(
            id=event_id(inbound_id, "received"),
            occurred_at=WRITTEN_AT,
            tenant_id=tenant_id,
            inbound_id=inbound_id,
            phone_number_id=self._tenant.phone_number_id,
            person=PERSON_INDEX,
            kind="text",
            signals=(),
            wamid_index=wamid_index,
            wamid=crypto.seal(key, place, wamid.encode()),
            content=b"sealed",
        )
        async with self._database.transaction() as connection:
            await inbound.received(connection, [event])
        return inbound_id
