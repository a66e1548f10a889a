"""One slice of a batch at a time, and a rest after it: what comes alone stands before mailings (hot path)."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

# Messages of all batches that are on their way in at a time: a reply waits for no more. With the shortest rest that is
# some 500 a second for each process.
SLICE = 50
# After a slice the process rests as long as that took, and many times as long while replies are late.
REST_SECONDS_MAX = 1.0
# How late replies become is known some seconds later: a mailing begins at some 300 messages a second.
OPENING_STRAIN = 2.0
OPENING_HALF_LIFE_SECONDS = 5.0
PAUSE_SECONDS = 10.0  # then the next one opens anew

Strain = Callable[[], Awaitable[float]]


class Pacing:
    """How fast one process takes mailings in; `strain` says how many times as long it rests, from 1.0 on."""

    def __init__(self, strain: Strain) -> None:
        self._strain = strain
        self._slice = asyncio.Lock()  # fair: batches take turns
        self._cycle_seconds = 0.0  # of the latest slice with its rest
        self._opened_at = self._rested_at = -math.inf
        self.waiting = 0  # messages that are read and not begun
        self.is_stopping = False

    @property
    def line_seconds(self) -> float:
        """How long those who wait will wait."""
        return self.waiting / SLICE * self._cycle_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Rests no more from `stop` on: a process that stops has less time than a mailing at rest takes."""
        await stop.wait()
        self.is_stopping = True

    @asynccontextmanager
    async def turn(self, count: int) -> AsyncIterator[None]:
        """A slice of so many messages has its turn; the rest after it is for whoever comes next."""
        async with self._slice:
            strain = await self._strain_after_rest()
            began = time.monotonic()
            yield
            took = time.monotonic() - began
            rest = min(took * strain * count / SLICE, REST_SECONDS_MAX)
            self._cycle_seconds, self._rested_at = took + rest, began + took + rest

    async def _strain_after_rest(self) -> float:
        if self.is_stopping:
            return 0.0
        await asyncio.sleep(self._rested_at - time.monotonic())
        now = time.monotonic()
        if now - self._rested_at > PAUSE_SECONDS:
            self._opened_at = now
        opening = OPENING_STRAIN * math.pow(0.5, (now - self._opened_at) / OPENING_HALF_LIFE_SECONDS)
        return max(await self._strain(), opening)
