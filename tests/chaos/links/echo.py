"""A server that answers every word with itself, and clients that reach it through a link."""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field

from tests.chaos.links.link import HOST
from tests.chaos.links.process import LinkHandle

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
NOTHING_SECONDS = 0.3
LARGE = b"x" * 3_000_000


@dataclass
class Server:
    """`heard` and `ended` tell what its side saw."""

    heard: bytearray = field(default_factory=bytearray)
    ended: list[str] = field(default_factory=list)
    streams: list[Streams] = field(default_factory=list)
    port: int = 0
    _listening: asyncio.Server | None = None

    async def __aenter__(self) -> "Server":
        self._listening = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._listening.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exit: object) -> None:
        assert self._listening is not None
        self._listening.close()
        for _, writer in self.streams:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.streams.append((reader, writer))
        try:
            while said := await reader.read(65536):
                self.heard += said
                writer.write(said)
                await writer.drain()
            self.ended.append("farewell")
        except ConnectionResetError:
            self.ended.append("reset")
        finally:
            writer.close()


class Door:
    """Where clients call; they hang up with close()."""

    def __init__(self, link: LinkHandle, server_port: int) -> None:
        self.port = link.door((HOST, server_port))
        self._writers: list[asyncio.StreamWriter] = []

    async def call(self) -> Streams:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        self._writers.append(writer)
        return reader, writer

    async def is_reset_at_once(self) -> bool:
        """Whether a call is, maybe so early that connecting fails."""
        try:
            return await is_reset(await self.call())
        except ConnectionResetError:
            return True

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def said_back(streams: Streams, words: bytes = b"hello") -> bytes:
    reader, writer = streams
    writer.write(words)
    return await asyncio.wait_for(reader.readexactly(len(words)), 5)


async def hears_nothing(streams: Streams) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(streams[0].read(1), NOTHING_SECONDS)
        return False
    return True


async def is_reset(streams: Streams) -> bool:
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(streams[0].read(), 5)
        return False
    return True


async def told_before_reset(streams: Streams) -> int:
    """How many bytes came."""
    told = 0
    with contextlib.suppress(ConnectionResetError):
        while some := await asyncio.wait_for(streams[0].read(65536), 5):
            told += len(some)
        raise AssertionError("it ended with a farewell")
    return told


def cut(writer: asyncio.StreamWriter) -> None:
    """Leave with a reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
