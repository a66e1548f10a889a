"""HTTP/1.1 connections to one address that know exactly whether a byte of a request was written (hot path).

A call of aiohttp's costs several times the CPU and needs hooks to tell when its first byte leaves; here the line before
`write` is the moment before the first byte.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import NamedTuple, cast

import httptools
from yarl import URL

from services.kernel.bunches import Bunches

ANSWER_BYTES_MAX = 256 * 1024  # headers and body: the parser keeps a header until its end
CONNECT_TIMEOUT_SECONDS = 1.0
# Shorter than Meta's own, so that we rarely write into a connection that is being closed.
KEEP_ALIVE_SECONDS = 15.0
BUNCH_SECONDS = 0.02  # answers of a crowd are read together
_FRAMES = frozenset({b"content-length", b"transfer-encoding"})


class Broken(Exception):
    """The answer did not come whole: what was written may have been obeyed."""


class Connection(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, forget: "Callable[[Connection], None]", bunches: Bunches) -> None:
        """`forget` is called when it is closed; what comes in is read with `bunches`."""
        self._forget = forget
        self._bunches = bunches
        self._loop = asyncio.get_running_loop()
        self._held = b""
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._bytes = 0  # of the answer so far
        self._is_framed = False
        self.idle_since = 0.0

    @property
    def is_usable(self) -> bool:
        """Open, and nobody waits for an answer on it."""
        return self._answer is None and self._transport is not None and not self._transport.is_closing()

    async def ask(self, request: bytes, *, timeout_seconds: float) -> bytes:
        """Write the request at once, of a usable connection, and wait for the body of its answer; raises Broken."""
        assert self._transport is not None  # it is usable
        self._body.clear()
        self._bytes = 0
        self._is_framed = False
        answer: asyncio.Future[bytes] = self._loop.create_future()
        self._answer = answer
        self._transport.write(request)
        timer = self._loop.call_later(timeout_seconds, self._time_out)
        try:
            return await answer
        finally:
            timer.cancel()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def connection_lost(self, error: Exception | None) -> None:
        self.read_held()
        self._transport = None
        self._forget(self)
        # An answer without a length ends with its connection.
        if error is None and self._body and not self._is_framed:
            self._tell(bytes(self._body))
        else:
            self._fail(type(error).__name__ if error else "closed")

    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nobody asked: a time-out of theirs, or rubbish
            self.close()
            return
        self._bytes += len(data)
        if self._bytes > ANSWER_BYTES_MAX:
            self._spoil("too long")
            return
        if not self._held:
            self._bunches.add(self, self._loop)
        self._held += data

    def read_held(self) -> None:
        """Read what came in."""
        data, self._held = self._held, b""
        if not data:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._spoil(type(error).__name__)

    def on_message_begin(self) -> None:
        if self._answer is None:  # a second answer to one request
            self.close()

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in _FRAMES:
            self._is_framed = True

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # the answer is still to come
            return
        if not self._parser.should_keep_alive():
            self.close()
        self._tell(bytes(self._body))

    def _time_out(self) -> None:
        self.read_held()
        if self._answer is not None:
            self._spoil("TimeoutError")

    def _spoil(self, why: str) -> None:
        self._held = b""
        self._fail(why)
        self.close()

    def _tell(self, body: bytes) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(body)

    def _fail(self, why: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(Broken(why))


class Address(NamedTuple):
    """Where a base URL leads."""

    host: str
    port: int
    authority: str
    path: str
    tls: ssl.SSLContext | None


def address_of(base_url: str) -> Address:
    url = URL(base_url)
    if url.host is None or url.port is None or url.scheme not in ("http", "https"):
        raise ValueError("the base URL must be http:// or https:// with a host")
    tls = ssl.create_default_context() if url.scheme == "https" else None
    return Address(url.host, url.port, url.authority, url.raw_path.rstrip("/"), tls)


class Pool:
    """At most `connections_max` connections; who finds all taken waits for a second, in order."""

    def __init__(self, address: Address, *, connections_max: int) -> None:
        self._address = address
        self._free = connections_max  # places
        self._idle: deque[Connection] = deque()  # the latest used last
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._bunches = Bunches(BUNCH_SECONDS)

    async def take(self) -> Connection:
        """A connection on which nothing is under way; raises OSError (TimeoutError among them) after a second."""
        if self._free > 0:
            self._free -= 1
            if (found := self._latest()) is not None:
                return found
            return await self._connect(CONNECT_TIMEOUT_SECONDS)
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + CONNECT_TIMEOUT_SECONDS
        async with asyncio.timeout_at(give_up_at):
            await self._place(loop)
        return self._latest() or await self._connect(give_up_at - loop.time())

    def give_back(self, connection: Connection) -> None:
        """The holder is done; a connection on which something is under way is closed."""
        if connection.is_usable:
            connection.idle_since = monotonic()
            self._idle.append(connection)
            self._close_old(connection.idle_since)
        else:
            connection.close()
        self._let_in()

    def forget(self, connection: Connection) -> None:
        """The connection is closed."""
        with suppress(ValueError):  # somebody holds it
            self._idle.remove(connection)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _latest(self) -> Connection | None:
        """The one that was used last: all others are older."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and monotonic() - connection.idle_since < KEEP_ALIVE_SECONDS:
                return connection
            connection.close()
        return None

    async def _place(self, loop: asyncio.AbstractEventLoop) -> None:
        turn = loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._let_in()
            raise

    async def _connect(self, timeout_seconds: float) -> Connection:
        """A new connection for a place that the caller has; without one the place is free again."""
        address, loop = self._address, asyncio.get_running_loop()
        connection = None
        try:
            async with asyncio.timeout(timeout_seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(self.forget, self._bunches), address.host, address.port, ssl=address.tls
                )
        finally:
            if connection is None:
                self._let_in()
        return connection

    def _let_in(self) -> None:
        """A place goes to whoever waits longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _close_old(self, now: float) -> None:
        while self._idle and now - self._idle[0].idle_since >= KEEP_ALIVE_SECONDS:
            self._idle.popleft().close()
