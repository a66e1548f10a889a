"""A door like the gateway's for tests of clients: it answers as it is told and remembers what was posted."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.e2e.harness.receiver import Receiver
from tests.e2e.harness.tenants import Tenant

SECRET = "whsec_"  # of nobody
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Door:
    """Answers in turn, the last answer for ever; `keys` and `bodies` of the posts, in order."""

    answers: list[Handler]
    tenant: Tenant = field(init=False)
    keys: list[str | None] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.StreamResponse:
        self.keys.append(request.headers.get("Idempotency-Key"))
        self.bodies.append(await request.json())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


@asynccontextmanager
async def open_door(*answers: Handler) -> AsyncIterator[Door]:
    """A door, and the tenant in front of it."""
    door, app = Door(list(answers)), web.Application()
    app.router.add_post("/{version}/{number}/messages", door.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as http:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            door.tenant = Tenant(http, url, "id", "api-key", SECRET, "1", "2", Receiver(SECRET))
            yield door
    finally:
        await runner.cleanup()
