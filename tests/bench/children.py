"""Processes beside the bench (generator, receivers): spawned, ended with their parent, results through a pipe."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Protocol

from deploy.local.errors import StackError

_context = multiprocessing.get_context("spawn")
END_SECONDS = 10.0
RESULT_SECONDS = 60.0


class Counter(Protocol):
    """A number that a child counts up and the parent reads; only one process writes it."""

    value: int


def counter() -> Counter:
    shared: Counter = _context.Value("q", 0)
    return shared


class Child:
    """`body(pipe, *arguments)` in a process of its own; it sends one result through the pipe."""

    def __init__(self, name: str, body: Callable[..., None], *arguments: Any) -> None:
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=_run, args=(theirs, body, arguments), name=name, daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def tell(self, word: Any) -> None:
        self._pipe.send(word)

    def hear(self, timeout_seconds: float = RESULT_SECONDS) -> Any:
        """What the child sends next; StackError when it died or is silent."""
        try:
            if self._pipe.poll(timeout_seconds):
                return self._pipe.recv()
        except (EOFError, OSError):
            raise StackError(f"The bench's process {self._process.name} died; what it said stands above.") from None
        raise StackError(f"The bench's process {self._process.name} does not answer.")

    def end(self) -> None:
        """End it; safe to repeat."""
        self._pipe.close()  # what it listens to
        self._process.join(END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _run(pipe: Connection, body: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at the terminal is the parent's to handle
    body(pipe, *arguments)


def listen(pipe: Connection, heard: Callable[[Any], None]) -> None:
    """Hand on what the parent says, from a thread; a parent that is gone ends this process."""

    def wait() -> None:
        while True:
            try:
                word = pipe.recv()
            except (EOFError, OSError):
                os._exit(0)
            heard(word)

    threading.Thread(target=wait, name="parent", daemon=True).start()
