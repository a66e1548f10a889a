"""A running webhook process with tenants that it knows, and what a test asks of it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import aiohttp
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.kernel import crypto
from services.kernel.contracts import Event
from services.kernel.contracts.inbound import INBOUND
from services.kernel.contracts.platform import PLATFORM
from services.kernel.contracts.statuses import STATUSES
from services.kernel.contracts.tenants import NumberChanged, SealedServiceKeys, TenantChanged
from services.kernel.kafka.record import decode
from services.kernel.settings import DatabaseSettings
from services.kernel.tokens import TokenIssuer
from tests.webhook import meta

SECRETS = ("an-older-app-secret", "a-newer-app-secret")
TEST_SECRET = "the-sandboxs-app-secret"
VERIFY_TOKEN = "a-word-for-the-handshake"  # of tests only
START_SECONDS = 40
TOPICS = (INBOUND, STATUSES, PLATFORM)


@dataclass(frozen=True)
class Boxes:
    """The two X25519 pairs that matter to webhook (its own, the platform's), and the Ed25519 pair of staff."""

    webhook: tuple[bytes, bytes] = field(default_factory=crypto.new_box_keys)
    platform: tuple[bytes, bytes] = field(default_factory=crypto.new_box_keys)
    staff: tuple[bytes, bytes] = field(default_factory=crypto.new_signing_keys)

    @property
    def staff_token(self) -> str:
        return TokenIssuer("staff", self.staff[0]).issue(audience="webhook", role="staff", subject="operator")


@dataclass(frozen=True)
class Tenant:
    """A tenant with a number and with all of its keys in the test's hand."""

    stop_words: tuple[str, ...] = ()
    start_words: tuple[str, ...] = ()
    id: UUID = field(default_factory=uuid4)
    phone_number_id: str = field(default_factory=lambda: str(uuid4().int)[:15])
    waba_id: str = meta.WABA_ID
    display: str = field(default_factory=lambda: f"+7495{uuid4().int % 10**7:07}")
    mode: Literal["live", "test"] = "live"
    index_key: bytes = field(default_factory=crypto.random_key)
    data_key: crypto.Key = field(default_factory=lambda: crypto.Key(uuid4(), crypto.random_key()))
    box: tuple[bytes, bytes] = field(default_factory=crypto.new_box_keys)

    def facts(self, webhook_public_key: bytes) -> list[Event]:
        """What the gateway would publish on `tenants`."""
        context = f"tenant:{self.id}:webhook"
        keys = SealedServiceKeys(
            index_key=crypto.seal_to(webhook_public_key, f"{context}:index", self.index_key),
            data_key_id=str(self.data_key.id),
            data_key=crypto.seal_to(webhook_public_key, f"{context}:data", self.data_key.secret),
        )
        tenant = TenantChanged(
            id=uuid4(),
            occurred_at=datetime.now(UTC),
            tenant_id=self.id,
            entity=f"tenant:{self.id}",
            version=1,
            name="Orchard",
            state="active",
            tenant_class="standard",
            zone="Europe/Moscow",
            public_key=self.box[1],
            service_keys={"webhook": keys},
            stop_words=self.stop_words,
            start_words=self.start_words,
        )
        number = NumberChanged(
            id=uuid4(),
            occurred_at=datetime.now(UTC),
            tenant_id=self.id,
            entity=f"number:{self.phone_number_id}",
            version=1,
            phone_number_id=self.phone_number_id,
            waba_id=self.waba_id,
            state="active",
            mode=self.mode,
            display_index=self.index("phone", self.display),
        )
        return [tenant, number]

    def index(self, kind: str, value: str) -> str:
        return crypto.blind_index(self.index_key, kind, value)


class Topics:
    """What was written to webhook's topics since this was opened."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        self._client = client
        self._places = [
            TopicPartition(topic.name, number)
            for topic in TOPICS
            for number in client.partitions_for_topic(topic.name) or ()
        ]
        self.records: list[ConsumerRecord] = []

    async def open(self) -> None:
        self._client.assign(self._places)
        await self._client.seek_to_end(*self._places)
        for place in self._places:
            await self._client.position(place)

    async def rewind(self) -> None:
        """Read from the beginning of the topics instead."""
        await self._client.seek_to_beginning(*self._places)

    async def read(self) -> list[ConsumerRecord]:
        """Every record up to now: what was acknowledged before the call is among them."""
        ends = await self._client.end_offsets(self._places)
        while any([await self._client.position(place) < end for place, end in ends.items()]):
            fetched = await self._client.getmany(timeout_ms=200)
            self.records += [record for records in fetched.values() for record in records]
        return self.records

    async def facts_of(self, tenant: Tenant) -> list[Event]:
        events = [decode(record.headers, record.value) for record in await self.read()]
        return [event for event in events if event.tenant_id == tenant.id]


@asynccontextmanager
async def topics_since_now(bootstrap_servers: str) -> AsyncIterator[Topics]:
    client = AIOKafkaConsumer(*(topic.name for topic in TOPICS), bootstrap_servers=bootstrap_servers)
    await client.start()
    try:
        client.unsubscribe()
        topics = Topics(client)
        await topics.open()
        yield topics
    finally:
        await client.stop()


@dataclass
class Door:
    """The running process, seen from outside."""

    url: str
    log: Path
    http: aiohttp.ClientSession

    async def post(self, body: bytes, *, secret: str = SECRETS[-1], headers: dict[str, str] | None = None) -> int:
        """Knock with a signed body; returns the status."""
        chosen = meta.signed(secret, body) if headers is None else headers
        async with self.http.post(f"{self.url}/webhook", data=body, headers=chosen) as answer:
            await answer.read()
            return answer.status

    async def staff(
        self, method: str, path: str, boxes: Boxes, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """An internal call by a member of staff: the status and the answer's JSON."""
        headers = {"Authorization": f"Bearer {boxes.staff_token}"}
        async with self.http.request(method, self.url + path, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def metric(self, name: str) -> float:
        """The value of a series like `webhook_ignored_total{reason="object"}`, 0 while it does not exist."""
        async with self.http.get(f"{self.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


def environment(boxes: Boxes, database: DatabaseSettings, bootstrap_servers: str, port: int) -> dict[str, str]:
    private_key, public_key = crypto.new_signing_keys()
    return {
        "PATH": os.environ["PATH"],
        "PROCESS_NAME": "webhook-api",
        "HTTP__PORT": str(port),
        "DATABASE__URL": database.url.get_secret_value(),
        "KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "INTERNAL__PRIVATE_KEY": crypto.b64url(private_key),
        "INTERNAL__PUBLIC_KEYS": json.dumps(
            {"webhook": crypto.b64url(public_key), "staff": crypto.b64url(boxes.staff[1])}
        ),
        "BOX__PRIVATE_KEY": crypto.b64url(boxes.webhook[0]),
        "META__APP_SECRETS": json.dumps(SECRETS),
        "META__TEST_APP_SECRETS": json.dumps([TEST_SECRET]),
        "META__VERIFY_TOKEN": VERIFY_TOKEN,
        "PLATFORM__PUBLIC_KEY": crypto.b64url(boxes.platform[1]),
        "PLATFORM__PRIVATE_KEY": crypto.b64url(boxes.platform[0]),
        "LOG__STRICT": "true",
        "LOG__LEVEL": "DEBUG",
    }


@asynccontextmanager
async def running(variables: dict[str, str], log: Path) -> AsyncIterator[Door]:
    """Start the process, wait until it is ready, end it with SIGTERM."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.webhook.api", env=variables, stdout=output, stderr=output
        )
    async with aiohttp.ClientSession() as http:
        door = Door(f"http://127.0.0.1:{variables['HTTP__PORT']}", log, http)
        try:
            await _until_ready(door, process)
            yield door
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _until_ready(door: Door, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            assert process.returncode is None, door.log.read_text()
            try:
                async with door.http.get(f"{door.url}/readyz") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)
