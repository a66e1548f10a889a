"""Tenants, messages and a running delivery loop on a real database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.api_keys.service import Desk
from services.gateway.callbacks import management
from services.gateway.callbacks import service as callbacks
from services.gateway.callbacks.management import NewEndpoint
from services.gateway.callbacks.repository import EndpointRow
from services.gateway.callbacks.service import AddressRules, CallbackFact
from services.gateway.confirmations.service import Wanted
from services.gateway.deliveries.service import Deliveries, Limits
from services.gateway.keys.service import Keyring
from services.gateway.onboarding.service import create_tenant
from services.gateway.tenants import service as tenants
from services.gateway.tenants.service import Directory
from services.gateway.told import service as told
from services.kernel import clock, crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.conversations import InboundJudged
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.db import Database
from services.kernel.identifiers import uuid7

PEPPER = b"p" * 32
PHONE = "79991234567"
TEXT = "Жду заказ у метро"
RULES = AddressRules(allow_loopback=True)
PATIENCE_SECONDS = 60
LIMITS = Limits(
    backoff_first_seconds=0.05,
    slow_seconds=0.1,
    lease_seconds=8.0,  # far below the 60 s that tests put deliveries off: one that is due within it holds others back
    timeout_seconds=6.0,
    again_seconds=0.01,
    idle_seconds=0.02,
)


@dataclass(frozen=True)
class TenantInTest:
    id: UUID
    api_key: str
    secret: str
    phone_number_id: str
    waba_id: str
    person: str


class World:
    def __init__(self, database: Database, kek_file: Path) -> None:
        self.database = database
        self.keyring = Keyring(database, crypto.FileKek(str(kek_file)))
        self.directory = Directory(database, self.keyring, pepper=PEPPER)
        self._numbers = 100_000

    async def tenant(self, url: str | None = None) -> TenantInTest:
        """A new tenant with a number, called at `url`."""
        self._numbers += 1
        phone_number_id, waba_id = str(self._numbers), f"7{self._numbers}"
        async with self.database.transaction() as connection:
            made = await create_tenant(
                connection,
                self.keyring,
                name="Lavka",
                tenant_class="ordinary",
                zone="Europe/Moscow",
                desk=Desk(self.keyring, PEPPER, box_public_keys={}, rate_per_second_max=1_000),
            )
            await tenants.add_number(
                connection,
                self.keyring,
                tenant_id=made.id,
                phone_number_id=phone_number_id,
                waba_id=waba_id,
                display_phone_number="+74950000000",
                access_token="token",
                messages_per_second=80,
            )
            if url is not None:
                await callbacks.set_url(connection, made.id, url, rules=RULES)
        person = crypto.blind_index(await self.keyring.index_key(made.id), "phone", f"+{PHONE}")
        return TenantInTest(made.id, made.api_key, made.callback_secret, phone_number_id, waba_id, person)

    async def message(self, tenant: TenantInTest, *, opaque: str | None = None) -> UUID:
        """An outgoing message whose row is stored."""
        message_id = uuid7()
        await self.store_message(tenant, message_id, opaque=opaque)
        return message_id

    async def store_message(
        self, tenant: TenantInTest, message_id: UUID, *, opaque: str | None = None, body: bytes | None = None
    ) -> None:
        """A message as the gateway stores it; `body` stands for one that was spoilt."""
        sent: dict[str, Any] = {"messaging_product": "whatsapp", "to": f"+{PHONE}", "type": "text"}
        if opaque is not None:
            sent["biz_opaque_callback_data"] = opaque
        place = crypto.Place(tenant.id, "messages", "body", str(message_id))
        sealed = crypto.seal(await self.keyring.key(tenant.id, "messages"), place, msgspec.json.encode(sent))
        async with self.database.transaction() as connection:
            await connection.execute(
                text("""
                    with made as (insert into messages (tenant_id, id, state) values (:tenant_id, :id, 0)
                                  on conflict do nothing)
                    insert into message_bodies (tenant_id, id, body) values (:tenant_id, :id, :body)
                """),
                {"tenant_id": tenant.id, "id": message_id, "body": body or sealed},
            )

    async def called_back_at(self, tenant: TenantInTest, message_id: UUID) -> datetime | None:
        """What the tenant reads about it."""
        since = clock.now() - timedelta(minutes=1)
        async with self.database.transaction() as connection:
            return await told.called_back_at(connection, tenant.id, message_id, since=since)

    def status(self, tenant: TenantInTest, message_id: UUID, status: str, **content: object) -> CallbackFact:
        return CallbackFact(
            event_id=event_id(message_id, f"status:{status}"),
            tenant_id=tenant.id,
            person=tenant.person,
            phone_number_id=tenant.phone_number_id,
            kind="status",
            topic=f"statuses.{status}",
            subject_id=message_id,
            occurred_at=clock.now(),
            content=msgspec.json.encode({"status": status, **content}),
        )

    async def endpoint(self, tenant: TenantInTest, url: str, events: list[str] | None = None) -> NewEndpoint:
        """Another endpoint of the tenant."""
        async with self.database.transaction() as connection:
            return await management.add(
                connection, self.keyring, tenant.id, url=url, events=events, description=None, rules=RULES
            )

    async def max_updates(self, tenant: TenantInTest, count: int) -> None:
        """How many facts one body to the tenant's endpoints may hold."""
        await self.rows(
            "update callback_endpoints set max_updates = :count where tenant_id = :id", count=count, id=tenant.id
        )

    async def first(self, tenant: TenantInTest) -> EndpointRow:
        async with self.database.transaction() as connection:
            return await management.endpoint(connection, tenant.id)

    async def enqueue(self, *facts: CallbackFact) -> None:
        async with self.database.transaction() as connection:
            await callbacks.enqueue(connection, facts)
        callbacks.wake()

    async def told(self, tenant: TenantInTest, statuses: int, *, strangers: bool = False) -> list[UUID]:
        """Enqueue so many statuses of as many messages, to one person or to as many; returns their event ids."""
        facts = [
            msgspec.structs.replace(
                self.status(tenant, await self.message(tenant), "sent"),
                person=str(uuid7()) if strangers else tenant.person,
            )
            for _ in range(statuses)
        ]
        await self.enqueue(*facts)
        return [fact.event_id for fact in facts]

    async def inbound(
        self, tenant: TenantInTest, wamid: str, body: str = TEXT, **more: Any
    ) -> tuple[InboundReceived, InboundJudged]:
        """What webhook and consent say of one message of the person; `more` makes it another than a text."""
        at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        wamid_index = crypto.blind_index(await self.keyring.index_key(tenant.id), "wamid", wamid)
        inbound_id = event_id(tenant.id, f"inbound:{wamid_index}")
        message = {
            "from": PHONE,
            "id": wamid,
            "timestamp": str(int(at.timestamp())),
            "type": "text",
            "text": {"body": body},
            "context": {"from": "74950000000", "id": "wamid.secret"},
        } | more
        contact = {"profile": {"name": "Анна"}, "wa_id": PHONE}
        content = msgspec.json.encode({"message": message, "contact": contact})
        received = InboundReceived(
            id=event_id(inbound_id, "received"),
            occurred_at=at,
            tenant_id=tenant.id,
            inbound_id=inbound_id,
            phone_number_id=tenant.phone_number_id,
            person=tenant.person,
            kind=str(message["type"]),
            signals=(),
            wamid_index=wamid_index,
            wamid=crypto.seal(
                await self.keyring.service_key(tenant.id, "webhook"),
                crypto.Place(tenant.id, "inbound_messages", "wamid", str(inbound_id)),
                wamid.encode(),
            ),
            content=crypto.seal_to(await self.keyring.public_key(tenant.id), f"inbound:{inbound_id}", content),
        )
        judged = InboundJudged(
            id=event_id(inbound_id, "judged"),
            occurred_at=at,
            tenant_id=tenant.id,
            inbound_id=inbound_id,
            phone_number_id=tenant.phone_number_id,
            person=tenant.person,
            window_expires_at=at + timedelta(hours=24),
        )
        return received, judged

    @asynccontextmanager
    async def delivering(self, **limits: Any) -> AsyncIterator[Deliveries]:
        """A delivery loop that ends cleanly with the block."""
        deliveries = self.deliveries(**limits)
        stop = asyncio.Event()
        running = asyncio.create_task(deliveries.run(stop))
        try:
            yield deliveries
        finally:
            stop.set()
            await running

    def deliveries(self, **limits: Any) -> Deliveries:
        return Deliveries(
            database=self.database,
            keyring=self.keyring,
            directory=self.directory,
            rules=RULES,
            public_url="https://api.example.org",
            limits=replace(LIMITS, **limits),
        )

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            result = await connection.execute(text(sql), values)
            return list(result)

    async def stored(self, *tables: str) -> bytes:
        """Everything that stands in these tables, as it stands there."""
        cells = [cell for table in tables for row in await self.rows(f"select * from {table}") for cell in row]
        return b"|".join(bytes(cell) if isinstance(cell, bytes) else str(cell).encode() for cell in cells)

    async def until_rows(self, sql: str, count: int, **values: Any) -> list[Any]:
        """Wait until the query gives so many rows."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(rows := await self.rows(sql, **values)) != count:  # noqa: ASYNC110  # a database rings no bell
                await asyncio.sleep(0.02)
        return rows


async def confirm_to_nobody(_connection: AsyncConnection, _wanted: Sequence[Wanted]) -> None:
    """For tests of what has nothing to do with STOP."""
