"""A load balancer on loopback: each new connection goes to the next copy of a process that takes it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

CHUNK_BYTES = 64 * 1024


class Balancer:
    """Stands before the copies of one process; a connection stays with the copy that it was given to."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = list(ports)
        self._server: asyncio.Server | None = None
        self._flows: set[asyncio.Task[None]] = set()
        self.url = ""

    async def __aenter__(self) -> "Balancer":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_exit: object) -> None:
        assert self._server is not None
        self._server.close()
        for flow in self._flows:
            flow.cancel()
        await asyncio.gather(*self._flows, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._ports:
            self._ports.append(port := self._ports.pop(0))
            with suppress(OSError):
                copy_reader, copy_writer = await asyncio.open_connection("127.0.0.1", port)
                flow = asyncio.create_task(_join((reader, copy_writer), (copy_reader, writer)))
                self._flows.add(flow)
                flow.add_done_callback(self._flows.discard)
                return
        writer.close()


Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _join(there: Way, back: Way) -> None:
    """Carry bytes both ways until one side ends: then both do."""
    ways = [asyncio.create_task(_carry(*way)) for way in (there, back)]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        for _, writer in (there, back):
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
