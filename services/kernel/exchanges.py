"""One request of a hot route: begun when its body is there, answered in one write (hot path)."""

import asyncio
from typing import Protocol

from starlette.types import Message, Scope
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from services.kernel.hot import CLIENT_GONE, CLOSE, Answer, Header, HotApp, HotRoute, count_request

_LINE = b"%b: %b\r\n"
_BROKEN = Answer(500, ((b"content-length", b"0"), CLOSE), b"")


class Connection(Protocol):
    """What an exchange needs of the connection that it came on."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl

    @property
    def default_headers(self) -> list[Header]: ...

    def on_response_complete(self) -> None: ...


class _NobodyWaits:
    """In the place of the event by which uvicorn's own cycle waits for more of a body."""

    def set(self) -> None:
        return


_NOBODY_WAITS = _NobodyWaits()


class Exchange:
    """Stands where uvicorn keeps its own cycle, which waits for bodies and streams answers, and costs the more."""

    message_event = _NOBODY_WAITS

    __slots__ = (
        "_app", "_body", "_connection", "_route", "_scope", "disconnected", "keep_alive", "response_complete",
        "response_started", "task",
    )  # fmt: skip

    def __init__(self, connection: Connection, app: HotApp, route: HotRoute, scope: Scope, *, keep_alive: bool) -> None:
        self._connection = connection
        self._app = app
        self._route = route
        self._scope = scope
        self._body = bytearray()
        self.keep_alive = keep_alive
        self.disconnected = self.response_started = self.response_complete = False
        self.task: asyncio.Task[None] | None = None  # while its body is not whole there is none

    def add(self, piece: bytes) -> int:
        """A piece of the body; returns how long it is by now."""
        self._body += piece
        return len(self._body)

    def start(self) -> None:
        """The body is whole."""
        self.task = self._connection.loop.create_task(self._run())

    def count_gone(self) -> None:
        """The caller hung up in the middle of its body."""
        count_request(self._route.path, "POST", CLIENT_GONE, 0.0)

    async def receive(self) -> Message:
        return {"type": "http.request", "body": self.take_body(), "more_body": False}

    def take_body(self) -> bytes:
        """All that has come; it is not kept."""
        body = bytes(self._body)
        self._body.clear()
        return body

    async def _run(self) -> None:
        try:
            answer = await self._app.answer(self._route, self._scope, self.receive)
            if self._connection.flow.write_paused:
                await self._connection.flow.drain()
        except asyncio.CancelledError:  # as what it waited for was: whoever asked must not wait for ever
            self._finish(_BROKEN)
            raise
        self._finish(answer)

    def _finish(self, answer: Answer) -> None:
        """Its connection may be gone, also while a later request on it was waiting."""
        if not (self.disconnected or self.response_started or self._connection.transport.is_closing()):
            self._write(answer)

    def _write(self, answer: Answer) -> None:
        """In one piece, without checks of headers that we have made ourselves; they hold the content length."""
        connection, headers = self._connection, answer.headers
        self.response_started = self.response_complete = True
        lines = [_LINE % header for header in connection.default_headers]
        lines += [_LINE % header for header in headers]
        if CLOSE in headers:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(_LINE % CLOSE)
        connection.transport.write(b"".join((STATUS_LINE[answer.status], *lines, b"\r\n", answer.body)))
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()
