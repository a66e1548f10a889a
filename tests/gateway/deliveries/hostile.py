"""Receivers that do everything wrong: real servers on loopback, each a way of hanging or flooding its caller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

MEGABYTE = 1_000_000
NEVER = 3_600.0


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the request and never answers."""
    await asyncio.sleep(NEVER)


async def drips_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte of its first line now and then."""
    for byte in b"HTTP/1.1 200 OK\r\n" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def never_ends_its_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: " + b"x" * 1_000 + b"\r\n")
        await writer.drain()


async def drips_its_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A good status, and a body that never ends."""
    writer.write(b"HTTP/1.1 500 Slow\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.1)


async def answers_ten_megabytes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 500 Much\r\nContent-Length: %d\r\n\r\n" % (10 * MEGABYTE))
    for _ in range(10):
        writer.write(b"x" * MEGABYTE)
        await writer.drain()


async def says_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff SSH-2.0-OpenSSH\r\n\r\n")
    await writer.drain()


async def hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Resets the connection as soon as something comes."""
    writer.transport.abort()


BEHAVIOURS = (
    hangs,
    drips_headers,
    never_ends_its_headers,
    drips_its_body,
    answers_ten_megabytes,
    says_nonsense,
    hangs_up,
)


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[str]:
    """A server that behaves so, by its URL."""
    conversations: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        conversations.add(task)
        with suppress(OSError, asyncio.CancelledError):
            await reader.read(1_000)
            await behaviour(reader, writer)
        conversations.discard(task)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    finally:
        server.close()
        for task in list(conversations):
            task.cancel()


@asynccontextmanager
async def serving_all() -> AsyncIterator[list[str]]:
    """One server for each way, and an address at which nobody listens."""
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(serving(behaviour)) for behaviour in BEHAVIOURS]
        yield [*urls, "http://127.0.0.1:1/refused"]
