"""A tenant's callback endpoint, which may be slow, answer 500 or refuse connections; it notes each value it saw."""

import asyncio
import json
import socket
import time
from typing import Literal

from aiohttp import web

from tests.chaos.load.book import Book
from tests.chaos.load.journal import Journal
from tests.e2e.harness.receiver import PATH, is_genuine

BODY_MAX_BYTES = 4 << 20
CLOSING_SECONDS = 0.1

Mood = Literal["healthy", "failing", "refusing"]


class Endpoint:
    """Takes callbacks from start() to stop(); its port stays its own also while it refuses connections."""

    def __init__(self, name: str, secret: str, log: Journal, book: Book, *, delay_seconds: float = 0.0) -> None:
        self._name = name
        self._secret = secret
        self._log = log
        self._book = book
        self.delay_seconds = delay_seconds
        self._status = 200
        self._runner: web.AppRunner | None = None
        self._place = _bound(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._place.getsockname()[1]}{PATH}"

    async def set(self, mood: Mood) -> None:
        """Healthy from the start on; failing answers 500."""
        self._status = 500 if mood == "failing" else 200
        if mood == "refusing":
            await self._close()
        elif self._runner is None:
            await self._listen()

    async def heal(self) -> None:
        """Healthy and quick from now on."""
        self.delay_seconds = 0.0
        await self.set("healthy")

    async def stop(self) -> None:
        await self._close()
        self._place.close()

    async def _listen(self) -> None:
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.router.add_post(PATH, self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_SECONDS)
        await self._runner.setup()
        await web.SockSite(self._runner, _bound(self._place.getsockname()[1])).start()

    async def _close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        at, body = time.time(), await request.read()
        if not is_genuine(self._secret, request.headers, body):
            self._log.note({"at": at, "tenant": self._name, "answered": 401, "forged": True})
            return web.Response(status=401)
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        status = self._status
        self._note(at, request.headers["webhook-id"], body, status)
        return web.Response(status=status)

    def _note(self, at: float, delivery: str, body: bytes, status: int) -> None:
        common = {"at": at, "tenant": self._name, "delivery": delivery, "answered": status}
        for entry in json.loads(body)["entry"]:
            for change in entry["changes"]:
                value = change["value"]
                self._log.note({**common, "event_id": value.get("event_id"), "value": value})
                if status == 200:
                    self._book.tell(value)


def _bound(port: int) -> socket.socket:
    """Without listening it only keeps the port: connections are refused while no other one listens there."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    place.bind(("127.0.0.1", port))
    return place
