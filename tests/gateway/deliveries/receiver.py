"""A tenant's callback receiver: a real HTTP server that writes down what it gets and answers as told."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Call:
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def values(self) -> list[dict[str, Any]]:
        envelope = json.loads(self.body)
        return [change["value"] for entry in envelope["entry"] for change in entry["changes"]]


@dataclass
class Receiver:
    """Answers 200, or the next of `answers`; with `hang_seconds` it answers late. `taken` are those answered 200."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    taken: list[Call] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    hang_seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def values(self) -> list[dict[str, Any]]:
        return [value for call in self.calls for value in call.values]

    async def handle(self, request: web.Request) -> web.Response:
        call = Call(dict(request.headers), await request.read())
        self.calls.append(call)
        status = self.answers.popleft() if self.answers else 200
        if status == 200:
            self.taken.append(call)
        self._arrived.set()
        if self.hang_seconds:
            await asyncio.sleep(self.hang_seconds)
        return web.Response(status=status, headers=self.headers, body=self.body)

    async def until(self, calls: int = 0, values: int = 0) -> None:
        """Wait until so many calls have come, with so many values in all."""
        async with asyncio.timeout(20):
            while len(self.calls) < calls or len(self.values) < values:
                self._arrived.clear()
                await self._arrived.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


def is_signed_as_meta(call: Call, secret: str) -> bool:
    """The check of Meta's documentation, with the secret's text as the app secret."""
    expected = hmac.new(secret.encode(), call.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(call.headers["X-Hub-Signature-256"], f"sha256={expected}")


def is_signed_as_standard_webhook(call: Call, secret: str) -> bool:
    """The check of the Standard Webhooks specification, written from its text."""
    signed = ".".join([call.headers["webhook-id"], call.headers["webhook-timestamp"], call.body.decode()])
    key = base64.b64decode(secret.split("_", 1)[1])
    expected = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in call.headers["webhook-signature"].split(" ")
