"""The gateway's API process inside the test's own loop, on real servers, and what a test asks of it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import uvicorn
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from fastapi import FastAPI

from services.gateway.api import build
from services.gateway.settings import Settings
from services.kernel import crypto
from services.kernel.db import Database
from services.kernel.process import ServiceProcess
from services.kernel.settings import DatabaseSettings
from services.kernel.tokens import TokenIssuer
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure

WABA_ID = "100200300400"
PERSON = "+79161234567"
TEMPLATE = {"name": "order_ready", "language": {"code": "ru"}}


@dataclass(frozen=True)
class Keys:
    """The secrets of a stack: the same for every gateway process of one test run."""

    pepper: bytes = field(default_factory=crypto.random_key)
    gateway: tuple[bytes, bytes] = field(default_factory=crypto.new_signing_keys)
    staff: tuple[bytes, bytes] = field(default_factory=crypto.new_signing_keys)
    boxes: dict[str, tuple[bytes, bytes]] = field(
        default_factory=lambda: {name: crypto.new_box_keys() for name in ("webhook", "consent", "billing")}
    )

    def staff_token(self) -> str:
        return TokenIssuer("staff", self.staff[0]).issue(audience="gateway", role="staff", subject="anna")


@dataclass(frozen=True)
class Tenant:
    """A tenant with one number and one approved template of one body parameter."""

    id: UUID
    api_key: str
    callback_secret: str
    phone_number_id: str
    display_phone_number: str

    @property
    def path(self) -> str:
        return f"/v23.0/{self.phone_number_id}/messages"


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """Meta's error without the id that differs each time."""
        error: dict[str, Any] = self.json()["error"]
        assert error.pop("fbtrace_id")
        return error


@dataclass
class Gateway:
    """A running process, seen from outside; `app.state` is for what cannot be seen."""

    url: str
    app: FastAPI
    http: aiohttp.ClientSession
    keys: Keys

    async def ask(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Answer:
        headers = options.pop("headers", {}) | ({} if key is None else {"Authorization": f"Bearer {key}"})
        async with self.http.request(method, self.url + path, headers=headers, **options) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def staff(self, path: str, body: dict[str, Any]) -> Answer:
        return await self.ask("POST", path, key=self.keys.staff_token(), json=body)

    async def send(self, tenant: Tenant, body: Any, *, idempotency_key: str | None = None) -> Answer:
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return await self.ask("POST", tenant.path, key=tenant.api_key, json=body, headers=headers)

    async def new_tenant(self) -> Tenant:
        made = (await self.staff("/internal/tenants", {"name": "Яблоневый сад"})).json()
        number = {
            "phone_number_id": str(uuid4().int)[:15],
            "waba_id": WABA_ID,
            "display_phone_number": f"+7495{secrets.randbelow(10**7):07}",
            "access_token": f"EAA{secrets.token_hex(16)}",
        }
        path = f"/internal/tenants/{made['id']}"
        assert (await self.staff(f"{path}/numbers", number)).status == 201
        body = {"type": "BODY", "text": "Заказ {{1}} готов"}
        template = {"waba_id": WABA_ID, "name": "order_ready", "language": "ru", "category": "UTILITY"}
        assert (await self.staff(f"{path}/templates", template | {"components": [body]})).status == 201
        return Tenant(
            id=UUID(made["id"]),
            api_key=made["api_key"],
            callback_secret=made["callback_secret"],
            phone_number_id=number["phone_number_id"],
            display_phone_number=number["display_phone_number"],
        )


def text(body: str = "Здравствуйте", to: Any = PERSON, **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": to, "type": "text", "text": {"body": body}, **more}


def template(*parameters: str, **more: Any) -> dict[str, Any]:
    values = [{"type": "text", "text": parameter} for parameter in parameters]
    content = {**TEMPLATE, "components": [{"type": "body", "parameters": values}], **more}
    return {"messaging_product": "whatsapp", "to": PERSON, "type": "template", "template": content}


@asynccontextmanager
async def running(
    infrastructure: Infrastructure, database: Database, keys: Keys, kek_file: Path, **more: Any
) -> AsyncIterator[Gateway]:
    """A gateway API on `database`; `more` replaces settings."""
    process = ServiceProcess(settings_of(infrastructure, database, keys, kek_file, **more))
    async with process.resources:
        app = await build(process)
        assert isinstance(app, FastAPI)
        config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False, proxy_headers=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with aiohttp.ClientSession() as http:
            yield Gateway(f"http://127.0.0.1:{port}", app, http, keys)
        server.should_exit = True
        await serving


AnotherGateway = Callable[..., AbstractAsyncContextManager[Gateway]]


def settings_of(
    infrastructure: Infrastructure, database: Database, keys: Keys, kek_file: Path, **more: Any
) -> Settings:
    values: dict[str, Any] = {
        "process_name": "gateway-api",
        "http": {"port": 0},
        "database": database_settings(infrastructure, database),
        "kafka": infrastructure.kafka,
        "internal": {
            "private_key": crypto.b64url(keys.gateway[0]),
            "public_keys": {"gateway": crypto.b64url(keys.gateway[1]), "staff": crypto.b64url(keys.staff[1])},
        },
        "kek": {"file": str(kek_file)},
        "api_key_pepper": keys.pepper.hex(),
        "box": {"public_keys": {name: crypto.b64url(public) for name, (_, public) in keys.boxes.items()}},
        "urls": dict.fromkeys(("consent", "billing", "graph", "sandbox", "public"), "http://127.0.0.1:1"),
        "media": {"directory": str(kek_file.parent / "media")},
        "callbacks": {"allow_loopback": True},
    }
    return Settings(**(values | more))


def database_settings(infrastructure: Infrastructure, database: Database) -> DatabaseSettings:
    return servers.database_settings(infrastructure, "gateway", str(database.engine.url.database))


class Topic:
    """What was written to one topic since this was opened."""

    def __init__(self, client: AIOKafkaConsumer, name: str) -> None:
        self._client = client
        self._places = [TopicPartition(name, number) for number in client.partitions_for_topic(name) or ()]

    async def open(self) -> None:
        self._client.assign(self._places)
        await self._client.seek_to_end(*self._places)
        for place in self._places:
            await self._client.position(place)

    async def read(self) -> list[ConsumerRecord]:
        """Every record up to now: what was acknowledged before the call is among them."""
        records: list[ConsumerRecord] = []
        ends = await self._client.end_offsets(self._places)
        while any([await self._client.position(place) < end for place, end in ends.items()]):
            fetched = await self._client.getmany(timeout_ms=200)
            records += [record for found in fetched.values() for record in found]
        return records


@asynccontextmanager
async def topic_since_now(infrastructure: Infrastructure, name: str) -> AsyncIterator[Topic]:
    client = AIOKafkaConsumer(name, bootstrap_servers=infrastructure.kafka.bootstrap_servers)
    await client.start()
    try:
        client.unsubscribe()
        topic = Topic(client, name)
        await topic.open()
        yield topic
    finally:
        await client.stop()


@asynccontextmanager
async def database_down(infrastructure: Infrastructure, database: Database) -> AsyncIterator[None]:
    """Nobody can connect to this one database, and whoever was connected is thrown out."""
    name = str(database.engine.url.database)
    await servers._as_superuser(infrastructure, f'alter database "{name}" allow_connections false')
    try:
        await servers._as_superuser(
            infrastructure, f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
        )
        yield
    finally:
        await servers._as_superuser(infrastructure, f'alter database "{name}" allow_connections true')
