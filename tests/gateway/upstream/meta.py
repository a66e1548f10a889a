"""A small server that stands where Meta does, says what it is told to, and keeps what it was asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer

Say = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    authorization: str | None
    body: bytes


@dataclass
class Meta:
    """`say` answers each request; `asked` is what came."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    say: Say | None = None

    def answers(self, body: Any, status: int = 200) -> None:
        """Every request from now on gets this JSON."""

        async def say(request: web.Request) -> web.Response:
            return web.json_response(body, status=status)

        self.say = say

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Keep the request and say what was told to be said."""
        token = request.headers.get("Authorization")
        self.asked.append(Asked(request.method, request.path, dict(request.query), token, await request.read()))
        assert self.say is not None
        return await self.say(request)


@asynccontextmanager
async def running() -> AsyncIterator[Meta]:
    meta = Meta()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", meta.answer)
    async with TestServer(app, host="127.0.0.1") as server:
        meta.url = f"http://127.0.0.1:{server.port}"
        yield meta
