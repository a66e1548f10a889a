"""What comes in on many connections is read together: whoever wakes for each works with cold caches (hot path)."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import Protocol


class Reader(Protocol):
    """Holds bytes back until it is told to read them; being told twice, or with nothing held, does nothing."""

    def read_held(self) -> None: ...


class Bunches:
    """Lets readers read: at once where the last bunch is over, else with all others that came within `seconds` of it.

    So a crowd is handled some at a time, in two thirds of the processor time. With `is_busy`, nobody waits while it
    says no: who asks one thing after the other is alone, however quickly.
    """

    def __init__(self, seconds: float, is_busy: Callable[[], bool] | None = None) -> None:
        self._seconds = seconds
        self._is_busy = is_busy
        self._waiting: list[Reader] = []
        self._began = -math.inf  # loop time of the latest bunch

    def add(self, reader: Reader, loop: asyncio.AbstractEventLoop) -> None:
        self._waiting.append(reader)
        if len(self._waiting) > 1:
            return
        wait_seconds = self._began + self._seconds - loop.time()
        if wait_seconds > 0 and (self._is_busy is None or self._is_busy()):
            loop.call_later(wait_seconds, self._read, loop)
        else:
            loop.call_soon(self._read, loop)  # soon, not now: what is ready in this turn comes along

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        self._began = loop.time()
        waiting, self._waiting = self._waiting, []
        self._read_each(deque(waiting), loop)

    def _read_each(self, waiting: deque[Reader], loop: asyncio.AbstractEventLoop) -> None:
        try:
            while waiting:
                waiting.popleft().read_held()
        finally:
            if waiting:  # one who cannot read keeps nobody else from it
                loop.call_soon(self._read_each, waiting, loop)
