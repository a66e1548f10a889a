"""Clients that do not behave: raw connections that flood, drip, or say nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies

from deploy.local.stack import Stack

MEGABYTE = 1 << 20


class Rough:
    """Raw connections to one service's door."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), parts.port

    async def say(self, *pieces: bytes, pause_seconds: float = 0.0, patience_seconds: float = 30.0) -> bytes:
        """What is answered to these pieces until the connection is closed; a reset is b"reset"."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        saying = asyncio.create_task(_say(writer, pieces, pause_seconds))
        try:
            return await asyncio.wait_for(reader.read(), patience_seconds)
        except ConnectionError:
            return b"reset"
        finally:
            saying.cancel()
            writer.close()

    @asynccontextmanager
    async def idle(self, count: int, *, first_words: bytes = b"") -> AsyncIterator[None]:
        """So many connections that say these words and then nothing."""
        opening = (asyncio.open_connection(self._host, self._port) for _ in range(count))
        writers = [writer for _, writer in await asyncio.gather(*opening)]
        try:
            for writer in writers:
                writer.write(first_words)
            yield
        finally:
            for writer in writers:
                writer.close()


async def _say(writer: asyncio.StreamWriter, pieces: Sequence[bytes], pause_seconds: float) -> None:
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_seconds)


def request(path: str, *, key: str, headers: Sequence[bytes] = (), body: bytes = b"") -> bytes:
    """A POST in one piece, closed after its answer."""
    lines = [
        f"POST {path} HTTP/1.1".encode(),
        b"Host: door",
        f"Authorization: Bearer {key}".encode(),
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        b"Connection: close",
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def memory_bytes(stack: Stack, name: str) -> int:
    """The resident memory of a process of the stack."""
    pid = next(process["pid"] for process in stack.processes if process["name"] == name)
    return int(psutil.Process(pid).memory_info().rss)
