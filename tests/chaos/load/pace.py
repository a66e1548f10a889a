"""The pace of an open loop: what comes late delays no other."""

import asyncio
import time
from collections.abc import AsyncIterator


async def paced(per_second: float, stop: asyncio.Event) -> AsyncIterator[int]:
    """0, 1, 2, ... each n / per_second seconds after the start, until `stop` is set."""
    started, number = time.monotonic(), 0
    while not await waited(stop, started + number / per_second - time.monotonic()):
        yield number
        number += 1


async def waited(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until `stop` is set; whether it is."""
    if seconds <= 0:
        await asyncio.sleep(0)  # others have their turn also when we are behind
        return stop.is_set()
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
