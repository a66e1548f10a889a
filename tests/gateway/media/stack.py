"""What the tests of media ask of a gateway, its worker's tasks, its disk and its database."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.gateway.inbound.consumers import consumers
from services.gateway.keys.service import Keyring
from services.gateway.media import service as media
from services.gateway.media.fetching import Fetcher
from services.gateway.media.files import Files
from services.kernel import clock, crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from services.kernel.kafka.consumer import Received
from tests.gateway.deliveries.world import confirm_to_nobody
from tests.gateway.media.meta import Meta
from tests.gateway.stand import Answer, Gateway, Tenant

BOUNDARY = "-----ours"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
TENANT_BYTES_MAX = 60 * 1024 * 1024

Part = tuple[str, bytes, str]  # Content-Disposition's parameters, the bytes, further headers


def file_part(content: bytes = JPEG, mime: str = "image/jpeg", filename: str = "photo.jpg") -> Part:
    return f'name="file"; filename="{filename}"', content, f"Content-Type: {mime}\r\n" if mime else ""


def field_part(name: str, value: str) -> Part:
    return f'name="{name}"', value.encode(), ""


def form_of(*parts: Part) -> bytes:
    pieces = [
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {place}\r\n{headers}\r\n".encode() + content + b"\r\n"
        for place, content, headers in parts
    ]
    return b"".join([*pieces, f"--{BOUNDARY}--\r\n".encode()])


WHATSAPP = field_part("messaging_product", "whatsapp")


@dataclass
class Stack:
    gateway: Gateway
    database: Database
    meta: Meta
    directory: Path
    tenant: Tenant

    @property
    def keyring(self) -> Keyring:
        keyring: Keyring = self.gateway.app.state.keyring
        return keyring

    @property
    def files(self) -> Files:
        return Files(self.directory, self.keyring)

    async def upload(self, *parts: Part, tenant: Tenant | None = None, body: Any = None, query: str = "") -> Answer:
        tenant = tenant or self.tenant
        return await self.gateway.ask(
            "POST",
            f"/v23.0/{tenant.phone_number_id}/media{query}",
            key=tenant.api_key,
            data=form_of(*parts) if body is None else body,
            headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        )

    async def uploaded(self, content: bytes = JPEG, mime: str = "image/jpeg", **options: Any) -> str:
        """The id of a file that was taken."""
        answer = await self.upload(file_part(content, mime), WHATSAPP, field_part("type", mime), **options)
        assert answer.status == 200, answer.body
        return str(answer.json()["id"])

    async def describe(self, media_id: str | UUID, *, tenant: Tenant | None = None, query: str = "") -> Answer:
        return await self.gateway.ask("GET", f"/v23.0/{media_id}{query}", key=(tenant or self.tenant).api_key)

    async def download(self, media_id: str | UUID, *, tenant: Tenant | None = None) -> Answer:
        return await self.gateway.ask("GET", f"/media/{media_id}", key=(tenant or self.tenant).api_key)

    async def delete(self, media_id: str | UUID, *, tenant: Tenant | None = None) -> Answer:
        return await self.gateway.ask("DELETE", f"/v23.0/{media_id}", key=(tenant or self.tenant).api_key)

    def stored_files(self) -> list[Path]:
        return sorted(path for path in self.directory.rglob("*") if path.is_file())

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.database.transaction() as connection:
            result = await connection.execute(text(sql), values)
            return list(result) if result.returns_rows else []

    async def state_of(self, media_id: UUID | str) -> str | None:
        rows = await self.rows("select state from media where id = :id", id=UUID(str(media_id)))
        return rows[0].state if rows else None

    async def until_state(self, media_id: UUID, state: str | None) -> None:
        async with asyncio.timeout(20):
            while await self.state_of(media_id) != state:  # noqa: ASYNC110  # a database rings no bell
                await asyncio.sleep(0.02)

    async def arrives(
        self, message: dict[str, Any], *, kind: str = "image", at: datetime | None = None, repeat: int = 1
    ) -> UUID:
        """A person's message, as the worker reads it from Kafka; returns our id of its file."""
        event = await self.received(message, kind=kind, at=at or clock.now())
        [consumer] = [
            c
            for c in consumers(arrived=media.arrived, wake_fetcher=media.wake, confirm=confirm_to_nobody)
            if InboundReceived in c.events
        ]
        async with self.database.transaction() as connection:
            await consumer.handle(connection, [Received(event, 0, offset) for offset in range(repeat)])
        if consumer.after is not None:
            consumer.after()
        return media.inbound_media_id(event.inbound_id)

    async def received(self, message: dict[str, Any], *, kind: str, at: datetime) -> InboundReceived:
        tenant_id, wamid = self.tenant.id, f"wamid.{uuid7()}"
        index = crypto.blind_index(await self.keyring.index_key(tenant_id), "wamid", wamid)
        inbound_id = event_id(tenant_id, f"inbound:{index}")
        content = msgspec.json.encode({"message": {"id": wamid, "type": kind, **message}, "contact": None})
        place = crypto.Place(tenant_id, "inbound_messages", "wamid", str(inbound_id))
        return InboundReceived(
            id=event_id(inbound_id, "received"),
            occurred_at=at,
            tenant_id=tenant_id,
            inbound_id=inbound_id,
            phone_number_id=self.tenant.phone_number_id,
            person="a" * 64,
            kind=kind,
            signals=(),
            wamid_index=index,
            wamid=crypto.seal(await self.keyring.service_key(tenant_id, "webhook"), place, wamid.encode()),
            content=crypto.seal_to(await self.keyring.public_key(tenant_id), f"inbound:{inbound_id}", content),
        )

    def sent_by_a_person(self, content: bytes = JPEG, **more: Any) -> dict[str, Any]:
        """A file that Meta has, as its webhook names it."""
        meta_id = str(5_000_000 + len(self.meta.files))
        self.meta.files[meta_id] = content
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        return {"id": meta_id, "mime_type": "image/jpeg", "sha256": digest, **more}

    def fetcher(self, *, tenant_bytes_max: int = TENANT_BYTES_MAX) -> Fetcher:
        state = self.gateway.app.state
        return Fetcher(
            database=self.database,
            keyring=self.keyring,
            directory=state.directory,
            files=self.files,
            upstream=state.upstream,
            keep=timedelta(days=30),
            tenant_bytes_max=tenant_bytes_max,
            again_first_seconds=0.1,
        )

    @asynccontextmanager
    async def fetching(self, workers: int = 1) -> AsyncIterator[Sequence[Fetcher]]:
        stop = asyncio.Event()
        fetchers = [self.fetcher() for _ in range(workers)]
        running = [asyncio.create_task(fetcher.run(stop)) for fetcher in fetchers]
        try:
            yield fetchers
        finally:
            stop.set()
            await asyncio.gather(*running)
