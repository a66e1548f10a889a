"""What consent's tests stand on: tenants with keys, events as other services publish them, and a served application."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import uvicorn
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr
from starlette.types import ASGIApp

from services.consent.clearance import consumers as clearance
from services.consent.consents.repository import Particulars
from services.consent.consents.service import Agreement
from services.consent.platform import consumers as platform
from services.consent.settings import OwnBox, Settings
from services.consent.windows import consumers as windows
from services.kernel import clock, crypto
from services.kernel.contracts import TOPICS, Event, Topic, event_id
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.inbound import InboundReceived, Signal
from services.kernel.contracts.messages import Category, Kind, MessageAccepted, Origin
from services.kernel.contracts.outcomes import MessageFailed
from services.kernel.contracts.platform import Alias, PersonRenamed, Preference, PreferenceChanged
from services.kernel.contracts.statuses import ReportedStatus, StatusReported
from services.kernel.contracts.tenants import SealedServiceKeys, TenantChanged
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from services.kernel.kafka.consumer import Received
from services.kernel.settings import DatabaseSettings, HttpSettings, InternalSettings, KafkaSettings
from services.kernel.tenants import TenantDirectory
from services.kernel.tokens import TokenIssuer

PHONE = "+79161234567"
NUMBER = "100000000000001"
NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH = timedelta(days=30)


def person_id(name: str = "somebody") -> str:
    """A person's blind index as other services would compute it."""
    return crypto.blind_index(b"k" * 32, "phone", name)


class Tenant:
    """A tenant as the gateway would make one: keys that consent gets sealed."""

    def __init__(self, box_public_key: bytes, tenant_class: str = "standard") -> None:
        self.id = uuid4()
        self.index_key = crypto.random_key()
        self.data_key = crypto.Key(uuid4(), crypto.random_key())
        context = f"tenant:{self.id}:consent"
        keys = SealedServiceKeys(
            index_key=crypto.seal_to(box_public_key, f"{context}:index", self.index_key),
            data_key_id=str(self.data_key.id),
            data_key=crypto.seal_to(box_public_key, f"{context}:data", self.data_key.secret),
        )
        self.changed = TenantChanged(
            id=event_id(self.id, "changed:1"),
            occurred_at=NOON,
            tenant_id=self.id,
            entity=f"tenant:{self.id}",
            version=1,
            name="A tenant",
            state="active",
            tenant_class=tenant_class,
            zone="Europe/Moscow",
            public_key=crypto.new_box_keys()[1],
            service_keys={"consent": keys},
        )

    def person(self, phone: str = PHONE) -> str:
        return crypto.blind_index(self.index_key, "phone", phone)


class Keys:
    """The keys of the services that take part."""

    def __init__(self) -> None:
        self.box_private, self.box_public = crypto.new_box_keys()
        self.seeds = {name: crypto.new_signing_keys() for name in ("gateway", "consent", "staff")}

    def issuer(self, name: str) -> TokenIssuer:
        return TokenIssuer(name, self.seeds[name][0])

    def settings(self, database: DatabaseSettings, kafka: KafkaSettings, process: str) -> Settings:
        return Settings(
            process_name=process,
            http=HttpSettings(port=0),
            database=database,
            kafka=kafka,
            internal=InternalSettings(
                private_key=SecretStr(crypto.b64url(self.seeds["consent"][0])),
                public_keys={name: crypto.b64url(public) for name, (_, public) in self.seeds.items()},
            ),
            box=OwnBox(private_key=SecretStr(crypto.b64url(self.box_private))),
        )


def new_directory(keys: Keys, kafka: KafkaSettings) -> TenantDirectory:
    return TenantDirectory(kafka, service="consent", private_key=keys.box_private)


def accepted(
    tenant_id: UUID,
    person: str,
    *,
    kind: Kind = "template",
    category: Category = "utility",
    number: str = NUMBER,
    country: str = "RU",
    message_id: UUID | None = None,
    at: datetime = NOON,
    expires_at: datetime | None = None,
    max_price_micros: int | None = None,
    origin: Origin = "tenant",
) -> MessageAccepted:
    message_id = message_id or uuid7()
    return MessageAccepted(
        id=event_id(message_id, "accepted"),
        occurred_at=at,
        tenant_id=tenant_id,
        message_id=message_id,
        phone_number_id=number,
        person=person,
        kind=kind,
        category=category if kind == "template" else "service",
        country=country,
        lane="bulk",
        expires_at=expires_at or at + MONTH,
        body=b"sealed",
        max_price_micros=max_price_micros,
        origin=origin,
    )


def inbound(
    tenant_id: UUID, person: str, at: datetime, *signals: Signal, number: str = NUMBER, inbound_id: UUID | None = None
) -> InboundReceived:
    inbound_id = inbound_id or uuid4()
    return InboundReceived(
        id=event_id(inbound_id, "received"),
        occurred_at=at,
        tenant_id=tenant_id,
        inbound_id=inbound_id,
        phone_number_id=number,
        person=person,
        kind="text",
        signals=signals,
        wamid_index=inbound_id.hex * 2,
        wamid=b"sealed",
        content=b"sealed",
    )


def reported(
    tenant_id: UUID, message_id: UUID | None, at: datetime, *, status: ReportedStatus = "failed", code: int | None
) -> StatusReported:
    return StatusReported(
        id=uuid4(),
        occurred_at=at,
        tenant_id=tenant_id,
        routing_key=str(message_id),
        message_id=message_id,
        wamid_index=uuid4().hex * 2,
        phone_number_id=NUMBER,
        status=status,
        error_code=code,
    )


def agreement(purpose: Purpose = "service", *, source: str = "web_form", given_at: datetime | None = None) -> Agreement:
    """What a person agreed to, as the API would have read it."""
    return Agreement(
        purpose=purpose, source=source, particulars=Particulars("recorded"), sealed={"text": "yes"}, given_at=given_at
    )


def preferred(
    tenant_id: UUID, person: str, value: Preference, at: datetime, *, category: str = "marketing_messages"
) -> PreferenceChanged:
    return PreferenceChanged(
        id=uuid4(),
        occurred_at=at,
        tenant_id=tenant_id,
        field="user_preferences",
        waba_id="1",
        entry_time=at,
        sealed_value=b"sealed",
        phone_number_id=NUMBER,
        person=person,
        category=category,
        value=value,
    )


def renamed(
    tenant_id: UUID, previous: Alias, current: Alias, at: datetime, *, person: str | None = None
) -> PersonRenamed:
    return PersonRenamed(
        id=uuid4(),
        occurred_at=at,
        tenant_id=tenant_id,
        field="messages",
        waba_id="1",
        entry_time=at,
        sealed_value=b"sealed",
        phone_number_id=NUMBER,
        person=person or current.index,
        previous=previous,
        current=current,
        inbound_id=None,
    )


def phone(name: str) -> Alias:
    return Alias(kind="phone", index=person_id(name))


def bsuid(name: str) -> Alias:
    return Alias(kind="bsuid", index=person_id(f"user {name}"))


class Consent:
    """Consent's consumers over a real database, fed batch by batch as the kernel's loop does.

    People and Meta are heard no earlier than what they tell of, unless `now` says so.
    """

    def __init__(self, database: Database, directory: TenantDirectory) -> None:
        self.database = database
        self._messages = clearance.messages_consumer(directory).handle

    async def accepts(self, *messages: MessageAccepted) -> list[Any]:
        return await self._feed(self._messages, messages)

    async def fails(self, *failures: MessageFailed) -> list[Any]:
        return await self._feed(clearance.OUTCOMES_CONSUMER.handle, failures)

    async def hears(self, *received: InboundReceived, now: datetime | None = None) -> list[Any]:
        return await self._hear(windows.CONSUMER.handle, received, now)

    async def learns(self, *reports: StatusReported, now: datetime | None = None) -> list[Any]:
        return await self._hear(clearance.STATUSES_CONSUMER.handle, reports, now)

    async def is_told(self, *said: PreferenceChanged | PersonRenamed, now: datetime | None = None) -> list[Any]:
        return await self._hear(platform.CONSUMER.handle, said, now)

    async def _hear(
        self, handle: Callable[..., Awaitable[Sequence[Event]]], events: Sequence[Event], now: datetime | None
    ) -> list[Any]:
        with clock.frozen(now or max([clock.now(), *(event.occurred_at for event in events)])):
            return await self._feed(handle, events)

    async def _feed(self, handle: Callable[..., Awaitable[Sequence[Event]]], events: Sequence[Event]) -> list[Any]:
        batch = [Received(event, 0, offset) for offset, event in enumerate(events)]
        async with self.database.transaction() as connection:
            return list(await handle(connection, batch))


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The application behind a real server on a free port; gives its address."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", access_log=False))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    await server.listens.wait()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving


@asynccontextmanager
async def own_topic(kafka: KafkaSettings) -> AsyncIterator[Topic]:
    """A topic of one partition that nobody else reads or writes."""
    topic = Topic(name=f"consent-test-{uuid4().hex[:8]}", owner="test", consumers=frozenset(), purpose="A test's own.")
    del TOPICS[topic.name]  # not a contract
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name=topic.name, num_partitions=1, replication_factor=1)])
    yield topic
    await admin.delete_topics([topic.name])
    await admin.close()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something becomes true; the test's own time-out ends the waiting."""
    while not is_so():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.05)
