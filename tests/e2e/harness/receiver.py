"""A tenant's own callback endpoint: checks both signatures and remembers every value with the time it came."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

PATH = "/callbacks"


@dataclass(frozen=True)
class Received:
    """One value of one delivery; `at` is time.time(), `delivery` the webhook-id header."""

    value: dict[str, Any]
    at: float
    delivery: str

    @property
    def event_id(self) -> str:
        return str(self.value["event_id"])


@dataclass
class Receiver:
    """Takes callbacks from start() to stop(). While `answer` is not 200 nothing counts as received.

    `react` is what a fast bot does with a value, before the delivery is answered.
    """

    secret: str
    answer: int = 200
    values: list[Received] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    forged: int = 0
    refused_bodies: list[bytes] = field(default_factory=list)
    url: str = ""
    react: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    _runner: web.AppRunner | None = None

    @property
    def refused(self) -> int:
        return len(self.refused_bodies)

    async def start(self) -> str:
        app = web.Application(client_max_size=4 << 20)
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"
        return self.url

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def statuses(self, message_id: str, status: str | None = None) -> list[Received]:
        """Values that tell a status of this message, in the order of arrival."""
        return [
            received
            for received in self.values
            for one in received.value.get("statuses", [])
            if one["id"] == message_id and status in (None, one["status"])
        ]

    def told(self, message_id: str) -> list[str]:
        """The names of the statuses told, in the order of arrival."""
        return [received.value["statuses"][0]["status"] for received in self.statuses(message_id)]

    def messages(self, text: str | None = None) -> list[Received]:
        """Values that tell an inbound message."""
        return [
            received
            for received in self.values
            for one in received.value.get("messages", [])
            if text is None or one.get("text", {}).get("body") == text
        ]

    def event_ids(self) -> list[str]:
        return [received.event_id for received in self.values]

    async def _take(self, request: web.Request) -> web.Response:
        at, body = time.time(), await request.read()
        if not is_genuine(self.secret, request.headers, body):
            self.forged += 1
            return web.Response(status=401)
        if self.answer != 200:
            self.refused_bodies.append(body)
            return web.Response(status=self.answer)
        self.bodies.append(body)
        for entry in json.loads(body)["entry"]:
            for change in entry["changes"]:
                self.values.append(Received(change["value"], at, request.headers["webhook-id"]))
                if self.react is not None:
                    await self.react(change["value"])
        return web.Response(status=200)


def is_genuine(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Both signatures: Meta's and that of Standard Webhooks."""
    hub = "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    standard = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return headers.get("X-Hub-Signature-256") == hub and headers.get("webhook-signature") == standard
