"""The process in which all links of a stack do their work, and what the harness holds of it.

A network is never short of a processor: beside the load, in one interpreter, links would be slow by themselves.
"""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvloop

from tests.chaos.links.faults import LinkFault
from tests.chaos.links.link import Address, Link

NICE = -5  # before the services, where the system allows it
END_SECONDS = 10.0


class LinkHandle:
    """One link as the harness has it: every call returns when the link has done it."""

    def __init__(self, process: "LinkProcess", name: str) -> None:
        self.name = name
        self._process = process
        self._one_at_a_time = asyncio.Lock()

    @property
    def opened(self) -> int:
        """Connections, since the beginning."""
        return int(self._ask("opened"))

    @property
    def carried_bytes(self) -> int:
        """What both sides said since the beginning."""
        return int(self._ask("carried_bytes"))

    def door(self, target: Address, *, port: int = 0) -> int:
        """Listen for connections to `target`; return the port."""
        return int(self._ask("door", target, port))

    def start(self, fault: LinkFault) -> None:
        """From now on the link has this fault; it has one at a time."""
        self._ask("start", fault)

    def stop(self) -> None:
        """From now on everything passes; safe to repeat."""
        self._ask("stop")

    def record(self, path: Path) -> None:
        """From now on write down there when each message left (wire.jsonl)."""
        self._ask("record", str(path))

    @asynccontextmanager
    async def fault(self, fault: LinkFault) -> AsyncIterator[None]:
        """Have the fault inside the block; another one waits until it is over."""
        async with self._one_at_a_time:
            self.start(fault)
            try:
                yield
            finally:
                self.stop()

    def _ask(self, what: str, *how: Any) -> Any:
        return self._process.ask(self.name, what, *how)


class LinkProcess:
    """Runs inside `with`; it ends when its creator does, however that ends."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._far_end = context.Pipe()
        self._process = context.Process(target=_serve, args=(self._far_end,), name="links", daemon=True)
        self._one_at_a_time = threading.Lock()

    def __enter__(self) -> Self:
        self._process.start()
        self._far_end.close()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pipe.close()
        self._process.join(END_SECONDS)

    def link(self, name: str) -> LinkHandle:
        """A link of this name; its work begins with its first door."""
        return LinkHandle(self, name)

    def ask(self, name: str, what: str, *how: Any) -> Any:
        """Have a link do something; raises what it raises."""
        with self._one_at_a_time:
            self._pipe.send((name, what, how))
            answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _serve(pipe: Pipe) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the creator, who ends us in its turn
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="links", daemon=True).start()
    links: dict[str, Link] = {}
    with contextlib.suppress(EOFError):
        while True:
            name, what, how = pipe.recv()
            link = links.setdefault(name, Link(name, loop))
            pipe.send(_answer(link, what, how))
    for link in links.values():
        link.close()


def _answer(link: Link, what: str, how: tuple[Any, ...]) -> object:
    try:
        found = getattr(link, what)
        return found(*how) if callable(found) else found
    except (OSError, RuntimeError, ValueError) as error:
        return error
