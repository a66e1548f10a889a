"""A pool of keep-alive connections for one host: the cheapest HTTP client that asyncio allows (hot path).

An ordinary client library costs the generator several times what the door it measures costs the gateway.
"""

import asyncio
from collections import deque
from typing import NamedTuple, Protocol, cast

CONNECTIONS_MAX = 512
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
RETRY_AFTER = b"\r\nretry-after:"


class Answer(NamedTuple):
    """`status` 0 means that the connection broke before an answer."""

    status: int
    body: bytes
    says_when: bool = False  # it has a Retry-After


BROKEN = Answer(0, b"")


class Waiting(Protocol):
    """Who wants to know what was answered."""

    def __call__(self, message: int, answer: Answer, /) -> None: ...


class Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._message: int | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of the class, but do the same

    def post(self, message: int, request: bytes) -> None:
        assert self._transport is not None
        self._message, self._received = message, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        answer = parse(self._received)
        if answer is None or self._message is None:
            return
        message, self._message = self._message, None
        self._pool.answered(message, answer)
        self._pool.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._pool.lost(self)
        if self._message is not None:
            message, self._message = self._message, None
            self._pool.answered(message, BROKEN)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class Pool:
    """Gives each request an idle connection, opens one more when there is none, or lets it wait at the bound."""

    def __init__(self, host: str, port: int, waiting: Waiting, connections_max: int = CONNECTIONS_MAX) -> None:
        self._address = (host, port)
        self._waiting = waiting
        self._connections_max = connections_max
        self._idle: list[Connection] = []
        self._queue: deque[tuple[int, bytes]] = deque()
        self._open = 0
        self._opening: set[asyncio.Task[None]] = set()

    def post(self, message: int, request: bytes) -> None:
        if self._idle:
            self._idle.pop().post(message, request)
            return
        self._queue.append((message, request))
        if self._open < self._connections_max:
            self._open += 1
            task = asyncio.get_running_loop().create_task(self._connect())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def answered(self, message: int, answer: Answer) -> None:
        self._waiting(message, answer)

    def free(self, connection: Connection) -> None:
        if self._queue:
            connection.post(*self._queue.popleft())
        else:
            self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        self._open -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()

    async def _connect(self) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(lambda: Connection(self), *self._address)
        except OSError:
            self._open -= 1
            while self._queue:  # nobody answers: whoever waits is told so
                self.answered(self._queue.popleft()[0], BROKEN)
            return
        self.free(connection)


def parse(received: bytes) -> Answer | None:
    """The answer once it is whole; only bodies with a length, as the gateway's are."""
    head_end = received.find(HEAD_END)
    if head_end < 0:
        return None
    head = received[:head_end].lower()
    at = head.find(LENGTH)
    length = int(head[at + len(LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    body = received[head_end + len(HEAD_END) :]
    return Answer(int(head[9:12]), body[:length], RETRY_AFTER in head) if len(body) >= length else None
