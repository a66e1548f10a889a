"""A TCP proxy on loopback with a rule: what passes, what waits, what is cut."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from urllib.parse import urlsplit

CHUNK_BYTES = 64 * 1024


class Verdict(Enum):
    """What to do with a chunk that a client wrote."""

    PASS = "pass"
    HOLD_REQUEST = "hold request"  # the server does not see it until release()
    HOLD_ANSWER = "hold answer"  # the server sees it; what it says waits until release()
    RESET = "reset"  # both connections are cut; the server does not see it


Rule = Callable[[bytes], Verdict]


def passes(_said: bytes) -> Verdict:
    return Verdict.PASS


class TcpProxy:
    """Stands between one process and one server.

    `rule` is asked for each chunk with everything that this client connection said since the rule was set. `held` has
    the transcripts of the connections that wait.
    """

    def __init__(self, target: str) -> None:
        """`target` is "host:port" or a URL."""
        parts = urlsplit(target if "//" in target else f"//{target}")
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._server: asyncio.Server | None = None
        self._released = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._generation = 0
        self._rule: Rule = passes
        self.delay_seconds = 0.0
        self.held: list[bytes] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> "TcpProxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exit: object) -> None:
        assert self._server is not None
        self._server.close()
        self._released.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def set(self, rule: Rule) -> None:
        """From now on this rule; connections that wait go on waiting."""
        self._generation += 1
        self._rule = rule

    def release(self) -> None:
        """Everything that waits goes on, and everything passes from now on."""
        self.set(passes)
        self.held.clear()
        self._released.set()
        self._released = asyncio.Event()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _cut(writer)
            return
        flow = _Flow(self, reader, writer, server_reader, server_writer)
        task = asyncio.create_task(flow.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def judge(self, said: bytes) -> Verdict:
        return self._rule(said)

    @property
    def generation(self) -> int:
        return self._generation

    async def wait(self, said: bytes) -> None:
        """Hold until release()."""
        self.held.append(said)
        await self._released.wait()


class _Flow:
    """One connection through the proxy."""

    def __init__(
        self,
        proxy: TcpProxy,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._reader, self._writer = reader, writer
        self._server_reader, self._server_writer = server_reader, server_writer
        self._said = b""
        self._generation = -1
        self._answers_flow = asyncio.Event()
        self._answers_flow.set()

    async def run(self) -> None:
        directions = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in directions:
                task.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
            for writer in (self._writer, self._server_writer):
                writer.close()

    async def _up(self) -> None:
        with suppress(OSError):
            while chunk := await self._reader.read(CHUNK_BYTES):
                if self._generation != self._proxy.generation:
                    self._said, self._generation = b"", self._proxy.generation
                self._said += chunk
                if not await self._pass_on(chunk):
                    return

    async def _pass_on(self, chunk: bytes) -> bool:
        verdict = self._proxy.judge(self._said)
        if verdict is Verdict.RESET:
            _cut(self._writer)
            _cut(self._server_writer)
            return False
        if verdict is Verdict.HOLD_REQUEST:
            await self._proxy.wait(self._said)
        if verdict is Verdict.HOLD_ANSWER and self._answers_flow.is_set():
            self._answers_flow.clear()
            hold = asyncio.ensure_future(self._proxy.wait(self._said))
            hold.add_done_callback(lambda _done: self._answers_flow.set())
        if self._proxy.delay_seconds:
            await asyncio.sleep(self._proxy.delay_seconds)
        self._server_writer.write(chunk)
        await self._server_writer.drain()
        return True

    async def _down(self) -> None:
        with suppress(OSError):
            while chunk := await self._server_reader.read(CHUNK_BYTES):
                await self._answers_flow.wait()
                self._writer.write(chunk)
                await self._writer.drain()


def _cut(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of a farewell."""
    found = writer.get_extra_info("socket")
    if found is not None:
        with suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
