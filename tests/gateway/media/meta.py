"""Meta's side of media, played by a real HTTP server: uploads, descriptions, and urls that live as long as told."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

TOKEN = "EAA"


@dataclass
class Upload:
    fields: dict[str, str]
    mime: str
    size: int
    sha256: str
    headers: dict[str, str]


@dataclass
class Meta:
    """`files` are what people sent, by Meta's id; the other fields spoil what it does."""

    url: str = ""
    uploads: dict[str, Upload] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    refusal: tuple[int, dict[str, Any]] | None = None
    gone_urls: int = 0  # so many of the next downloads answer 404
    cut: int = 0  # so many of the next downloads end early
    changed: int = 0  # so many of the next downloads give other bytes
    said_size: int | None = None
    endless: bool = False
    slow_seconds: float = 0.0

    async def upload(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            await request.read()
            return web.json_response(self.refusal[1], status=self.refusal[0])
        fields: dict[str, str] = {}
        mime, size, digest = "", 0, hashlib.sha256()
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name == "file":
                mime = part.headers["Content-Type"]
                while piece := await part.read_chunk(64 * 1024):
                    size += len(piece)
                    digest.update(piece)
            else:
                fields[str(part.name)] = await part.text()
        media_id = str(1_000_000 + len(self.uploads))
        self.uploads[media_id] = Upload(fields, mime, size, digest.hexdigest(), dict(request.headers))
        return web.json_response({"id": media_id})

    async def describe(self, request: web.Request) -> web.Response:
        media_id = request.match_info["id"]
        self.asked.append(media_id)
        if self.refusal is not None:
            return web.json_response(self.refusal[1], status=self.refusal[0])
        if media_id not in self.files or not request.headers["Authorization"].startswith(f"Bearer {TOKEN}"):
            return web.json_response({"error": {"code": 100, "error_subcode": 33, "message": "(#100) no"}}, status=400)
        file = self.files[media_id]
        size = len(file) if self.said_size is None else self.said_size
        return web.json_response(
            {
                "messaging_product": "whatsapp",
                "url": f"{self.url}/lookaside/{media_id}?n={len(self.asked)}",
                "mime_type": "image/jpeg",
                "sha256": hashlib.sha256(file).hexdigest(),
                "file_size": str(size),
                "id": media_id,
            }
        )

    async def download(self, request: web.Request) -> web.StreamResponse:
        media_id = request.match_info["id"]
        self.downloads.append(media_id)
        if self.gone_urls:
            self.gone_urls -= 1
            return web.Response(status=404)
        await asyncio.sleep(self.slow_seconds)
        file = self.files[media_id]
        if self.changed:
            self.changed -= 1
            file = b"!" + file[1:]
        response = web.StreamResponse(headers={"Content-Type": "image/jpeg"})
        if self.cut:
            self.cut -= 1
            response.content_length = len(file)
            file = file[: len(file) // 2]
        await response.prepare(request)
        while self.endless:
            await response.write(bytes(1024 * 1024))
        await response.write(file)
        if response.content_length != len(file) and response.content_length is not None:
            assert request.transport is not None
            request.transport.close()
        return response

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.match_info["id"])
        return web.json_response({"success": True})


@asynccontextmanager
async def playing() -> AsyncIterator[Meta]:
    """Meta on a port of its own."""
    meta = Meta()
    app = web.Application(client_max_size=200 * 1024 * 1024)
    app.router.add_post("/{version}/{number}/media", meta.upload)
    app.router.add_get("/lookaside/{id}", meta.download)
    app.router.add_get("/{version}/{id}", meta.describe)
    app.router.add_delete("/{version}/{id}", meta.delete)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]  # it has started
    meta.url = f"http://127.0.0.1:{port}"
    try:
        yield meta
    finally:
        await runner.cleanup()
