"""A batcher answers every submitter, writes together what comes together, and refuses what it cannot hold."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from services.kernel.batcher import Batcher
from services.kernel.errors import Overloaded, Unavailable

Write = Callable[[Sequence[int]], Awaitable[Sequence[int | Exception]]]


class Doubler:
    """A real writer: doubles its items, and waits for the gate when it is shut."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.writing = 0
        self.writing_most = 0

    async def write(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.writing += 1
        self.writing_most = max(self.writing_most, self.writing)
        await self.gate.wait()
        self.writing -= 1
        return [item * 2 for item in items]


@asynccontextmanager
async def running(
    write: Write, *, tick_seconds: float = 0.0, batch_max: int = 100, pending_max: int = 1_000, concurrency: int = 1
) -> AsyncIterator[Batcher[int, int]]:
    batcher: Batcher[int, int] = Batcher(
        "test",
        write,
        tick_seconds=tick_seconds,
        batch_max=batch_max,
        pending_max=pending_max,
        concurrency=concurrency,
    )
    batcher.start()
    try:
        yield batcher
    finally:
        await batcher.stop(1.0)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_every_submitter_gets_its_own_result() -> None:
    doubler = Doubler()
    async with running(doubler.write) as batcher:
        assert await asyncio.gather(*[batcher.submit(number) for number in range(250)]) == list(range(0, 500, 2))
    assert sorted(item for batch in doubler.batches for item in batch) == list(range(250))
    assert max(len(batch) for batch in doubler.batches) <= 100


async def test_an_idle_batcher_writes_at_once_although_its_tick_is_long() -> None:
    doubler = Doubler()
    async with running(doubler.write, tick_seconds=3_600) as batcher:
        assert await batcher.submit(21) == 42


async def test_a_busy_batcher_gathers_until_the_tick() -> None:
    doubler = Doubler()
    async with running(doubler.write, tick_seconds=0.05) as batcher:
        await batcher.submit(0)
        waiting = []
        for number in range(1, 6):
            waiting.append(asyncio.create_task(batcher.submit(number)))
            await turn()
        assert doubler.batches == [[0]]
        await asyncio.gather(*waiting)
    assert doubler.batches == [[0], [1, 2, 3, 4, 5]]


async def test_a_full_batch_does_not_wait_for_the_tick() -> None:
    doubler = Doubler()
    async with running(doubler.write, tick_seconds=3_600, batch_max=3) as batcher:
        await batcher.submit(0)
        await asyncio.gather(*[batcher.submit(number) for number in (1, 2, 3)])
    assert doubler.batches == [[0], [1, 2, 3]]


async def test_what_comes_during_a_write_goes_into_the_next_one() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    async with running(doubler.write) as batcher:
        waiting = [asyncio.create_task(batcher.submit(0))]
        await turn()
        waiting += [asyncio.create_task(batcher.submit(number)) for number in (1, 2)]
        await turn()
        assert doubler.batches == [[0]]
        doubler.gate.set()
        assert await asyncio.gather(*waiting) == [0, 2, 4]
    assert doubler.batches == [[0], [1, 2]]


async def test_no_more_writes_run_at_once_than_allowed() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    async with running(doubler.write, batch_max=1, concurrency=3) as batcher:
        waiting = [asyncio.create_task(batcher.submit(number)) for number in range(9)]
        await turn()
        await turn()
        assert doubler.writing == 3
        doubler.gate.set()
        await asyncio.gather(*waiting)
    assert doubler.writing_most == 3


async def test_an_exception_in_the_results_reaches_its_own_submitter_only() -> None:
    async def write(items: Sequence[int]) -> Sequence[int | Exception]:
        return [KeyError("odd") if item % 2 else item for item in items]

    async with running(write) as batcher:
        results = await asyncio.gather(*[batcher.submit(number) for number in range(4)], return_exceptions=True)
    assert [isinstance(result, KeyError) for result in results] == [False, True, False, True]


async def test_an_exception_of_the_write_reaches_every_submitter_of_that_batch_and_no_other() -> None:
    async def write(items: Sequence[int]) -> Sequence[int]:
        if 0 in items:
            raise ConnectionResetError
        return items

    async with running(write) as batcher:
        results = await asyncio.gather(*[batcher.submit(number) for number in range(3)], return_exceptions=True)
        assert [type(result) for result in results] == [ConnectionResetError] * 3
        assert await batcher.submit(7) == 7


async def test_a_write_that_answers_for_fewer_items_is_an_error_for_all() -> None:
    async def write(items: Sequence[int]) -> Sequence[int]:
        return items[1:]

    async with running(write) as batcher:
        with pytest.raises(RuntimeError, match="1 items were written and 0 results"):
            await batcher.submit(1)


async def test_a_cancelled_submitter_does_not_cancel_the_batch() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    async with running(doubler.write) as batcher:
        leaver, stayer = (asyncio.create_task(batcher.submit(number)) for number in (1, 2))
        await turn()
        leaver.cancel()
        await turn()
        doubler.gate.set()
        assert await stayer == 4
    assert doubler.batches == [[1, 2]]


async def test_too_many_waiting_items_are_refused() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    async with running(doubler.write, pending_max=2) as batcher:
        waiting = [asyncio.create_task(batcher.submit(0))]
        await turn()
        waiting += [asyncio.create_task(batcher.submit(number)) for number in (1, 2)]
        await turn()
        with pytest.raises(Overloaded):
            await asyncio.wait_for(batcher.submit(3), 1.0)  # taken, it would wait for the gate
        doubler.gate.set()
        assert await asyncio.gather(*waiting) == [0, 2, 4]


async def test_stopping_writes_what_waits_and_refuses_what_comes() -> None:
    doubler = Doubler()
    async with running(doubler.write, tick_seconds=3_600, batch_max=2) as batcher:
        waiting = [asyncio.create_task(batcher.submit(number)) for number in range(5)]
        await turn()
        await batcher.stop()
        assert await asyncio.gather(*waiting) == [0, 2, 4, 6, 8]
        with pytest.raises(Unavailable):
            await batcher.submit(1)


async def test_stopping_gives_up_at_its_deadline_and_says_so_to_every_submitter() -> None:
    doubler = Doubler()
    doubler.gate.clear()
    async with running(doubler.write, batch_max=1) as batcher:
        waiting = [asyncio.create_task(batcher.submit(number)) for number in range(3)]
        await turn()
        await batcher.stop(0.01)
        results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Unavailable] * 3
    assert doubler.batches == [[0]]


async def test_a_batcher_that_was_not_started_refuses() -> None:
    batcher: Batcher[int, int] = Batcher("idle", Doubler().write, tick_seconds=0, batch_max=1, pending_max=1)
    with pytest.raises(Unavailable):
        await batcher.submit(1)
    await batcher.stop()
