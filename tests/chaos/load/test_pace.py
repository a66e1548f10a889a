"""The pace does not wait for anybody."""

import asyncio
import time

from tests.chaos.load.pace import paced, waited


async def test_numbers_come_at_the_rate_and_end_with_the_stop() -> None:
    stop, began, seen = asyncio.Event(), time.monotonic(), []
    async for number in paced(200, stop):
        seen.append(number)
        if number == 20:
            stop.set()
    assert seen == list(range(21))
    assert time.monotonic() - began >= 20 / 200


async def test_what_was_held_up_is_made_up_for() -> None:
    stop, began, count = asyncio.Event(), time.monotonic(), 0
    async for number in paced(100, stop):
        if number == 0:
            time.sleep(0.2)  # noqa: ASYNC251  # holds up the loop on purpose
        count += 1
        if time.monotonic() - began > 0.3:
            stop.set()
    assert count >= 25


async def test_waiting_ends_early_with_the_stop() -> None:
    stop = asyncio.Event()
    assert not await waited(stop, 0.01)
    asyncio.get_running_loop().call_later(0.01, stop.set)
    assert await waited(stop, 10)
    assert await waited(stop, 0)
