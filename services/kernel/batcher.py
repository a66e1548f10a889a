"""A group writer: many callers submit one item each, one write carries them all (hot path).

Adaptive: an idle batcher writes at once; a busy one gathers until a tick after the previous write began, or until the
batch is full. So a lone request pays no waiting time and a crowd pays one write for many.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from services.kernel import metrics
from services.kernel.errors import Overloaded, Unavailable

T = TypeVar("T")
R = TypeVar("R")

DRAIN_SECONDS = 10.0  # shorter than the supervisor's patience after SIGTERM


class Batcher(Generic[T, R]):
    """Gathers items and writes them together.

    `write` gets a list of items and returns as many results in the same order. A result that is an Exception is raised
    to its own submitter; an exception that `write` raises is raised to every submitter of that batch.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
        *,
        tick_seconds: float,
        batch_max: int,
        pending_max: int,
        concurrency: int = 1,
    ) -> None:
        self.name = name
        self._write = write
        self._tick_seconds = tick_seconds
        self._batch_max = batch_max
        self._pending_max = pending_max
        self._concurrency = concurrency
        self._pending: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._writes: set[asyncio.Task[Sequence[R | Exception]]] = set()
        self._timer: asyncio.Handle | None = None
        self._began = -math.inf  # loop time at which the latest write began
        self._loop: asyncio.AbstractEventLoop | None = None  # None while stopped
        self._size = metrics.WRITE_BATCH_SIZE.labels(name)
        self._seconds = metrics.WRITE_BATCH_SECONDS.labels(name)

    def start(self) -> None:
        """Accept items from now on, on the running event loop."""
        self._loop = asyncio.get_running_loop()

    async def submit(self, item: T) -> R:
        """Wait until the item is written and return its result.

        A cancelled caller gives up its answer only: the item is written all the same.
        Raises Overloaded when `pending_max` items wait already, Unavailable when the batcher is stopped.
        """
        if self._loop is None:
            raise Unavailable(f"{self.name} is stopped; try again on another process")
        if len(self._pending) >= self._pending_max:
            metrics.OVERLOADED.labels(self.name).inc()
            raise Overloaded(f"{self.name} has {self._pending_max} items waiting; try again later")
        future: asyncio.Future[R] = self._loop.create_future()
        self._pending.append((item, future))
        if self._timer is None or len(self._pending) == self._batch_max:
            self._arm(self._loop)
        return await future

    async def stop(self, deadline_seconds: float = DRAIN_SECONDS) -> None:
        """Refuse new items, write what waits, and give up what is not written by the deadline."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        deadline = loop.time() + deadline_seconds
        while (self._pending or self._writes) and (left := deadline - loop.time()) > 0:
            self._flush(loop)
            await asyncio.wait(self._writes, timeout=left)
        await self._give_up()

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        """Plan the next write; while all writers are busy, the end of a write plans it."""
        if not self._pending or len(self._writes) >= self._concurrency:
            return
        if self._timer is not None:
            self._timer.cancel()
        wait_seconds = self._began + self._tick_seconds - loop.time()
        if wait_seconds <= 0 or len(self._pending) >= self._batch_max:
            self._timer = loop.call_soon(self._flush, loop)  # soon, not now: what is ready in this turn comes along
        else:
            self._timer = loop.call_later(wait_seconds, self._flush, loop)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pending or len(self._writes) >= self._concurrency:
            return
        batch = [self._pending.popleft() for _ in range(min(len(self._pending), self._batch_max))]
        self._began = loop.time()
        self._size.observe(len(batch))
        write = loop.create_task(self._write_items([item for item, _ in batch]), name=f"batcher {self.name}")
        self._writes.add(write)
        write.add_done_callback(lambda done: self._settle(loop, [future for _, future in batch], done))
        self._arm(loop)

    async def _write_items(self, items: list[T]) -> Sequence[R | Exception]:
        with self._seconds.time():
            results = await self._write(items)
        if len(results) != len(items):
            raise RuntimeError(f"{self.name}: {len(items)} items were written and {len(results)} results came back")
        return results

    def _settle(
        self,
        loop: asyncio.AbstractEventLoop,
        futures: list[asyncio.Future[R]],
        write: asyncio.Task[Sequence[R | Exception]],
    ) -> None:
        self._writes.discard(write)
        if write.cancelled():
            _fail(futures, Unavailable(f"{self.name} was stopped in the middle of a write; its outcome is not known"))
        elif error := write.exception():
            _fail(futures, error)
        else:
            _answer(futures, write.result())
        if self._timer is None:
            self._arm(loop)

    async def _give_up(self) -> None:
        left = [future for _, future in self._pending]
        self._pending.clear()
        _fail(left, Unavailable(f"{self.name} was stopped before the item was written; try again"))
        for write in self._writes:
            write.cancel()
        if self._writes:
            await asyncio.wait(self._writes)


def _answer(futures: list[asyncio.Future[R]], results: Sequence[R | Exception]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.done():  # the submitter was cancelled
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


def _fail(futures: list[asyncio.Future[R]], error: BaseException) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
