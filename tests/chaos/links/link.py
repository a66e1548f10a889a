"""One link between two parts of a stack: its doors, its connections, and the fault it has at the moment."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from tests.chaos.links.connection import Connection
from tests.chaos.links.faults import LinkFault
from tests.chaos.links.rules import CLEAR, Clear
from tests.chaos.links.wire import Wire

HOST = "127.0.0.1"
Address = tuple[str, int]
T = TypeVar("T")

# A crowd that connects at once after an outage: where the queue is short, the system loses some for a second.
BACKLOG = 4096


class Link:
    """TCP from some clients to some servers; `loop` does the work, every method is called from another thread.

    After stop() everything new passes; what becomes of the connections that had the fault, the rules say.
    """

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.opened = 0  # connections, since the beginning
        self._loop = loop
        self._rule: Clear = CLEAR
        self._servers: list[asyncio.Server] = []
        self._connections: set[Connection] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._bytes_of_gone = 0
        self._wire: Wire | None = None

    @property
    def carried_bytes(self) -> int:
        """What both sides said since the beginning."""
        return self._bytes_of_gone + sum(one.carried_bytes for one in self._connections.copy())

    def door(self, target: Address, port: int = 0) -> int:
        """Listen for connections to `target`; return the port."""
        return self._do(self._listen(target, port))

    def start(self, fault: LinkFault) -> None:
        """From now on the link has this fault; it has one at a time."""
        self._do(self._start(fault.rule()))

    def stop(self) -> None:
        """From now on everything passes; safe to repeat."""
        self._do(self._stop())

    def record(self, path: str) -> None:
        """From now on write down there when each message left."""
        self._wire = Wire(path)

    def close(self) -> None:
        """Take no more connections and reset those that are left."""
        self._do(self._close())

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # --- in the loop's thread -------------------------------------------------------------------------------------

    async def _listen(self, target: Address, port: int) -> int:
        server = await self._loop.create_server(lambda: self._accept(target).client, HOST, port, backlog=BACKLOG)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _accept(self, target: Address) -> Connection:
        connection = Connection(CLEAR, on_gone=self._forget, overhear=self._overhear)
        self._connections.add(connection)
        self.opened += 1
        task = self._loop.create_task(self._open(connection, target))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return connection

    async def _open(self, connection: Connection, target: Address) -> None:
        try:
            await self._loop.create_connection(lambda: connection.server, *target)
        except OSError:
            connection.reset()
            return
        connection.open(self._rule.for_newcomers)

    def _overhear(self, data: bytes) -> None:
        if self._wire is not None:
            self._wire.note(data)

    def _forget(self, connection: Connection) -> None:
        if connection in self._connections:
            self._connections.discard(connection)
            self._bytes_of_gone += connection.carried_bytes

    async def _start(self, rule: Clear) -> None:
        if self._rule is not CLEAR:
            raise RuntimeError(f"{self.name} has a fault already")
        self._rule = rule
        for connection in self._connections.copy():
            if connection.is_whole:
                connection.rule = rule
                rule.begin(connection)

    async def _stop(self) -> None:
        rule, self._rule = self._rule, CLEAR
        for connection in self._connections.copy():
            if connection.rule is rule:
                connection.rule = CLEAR
                rule.finish(connection)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._opening.copy():
            task.cancel()
        for connection in self._connections.copy():
            connection.reset()
