"""Work that is due again and again, and outlives the outages of what it needs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.kernel.errors import DEPENDENCY_ERRORS, ServiceError, is_retryable
from services.kernel.logging import get_logger

OUTAGE_SECONDS = 1.0

_log = get_logger()


async def every(seconds: float, act: Callable[[], Awaitable[object]], stop: asyncio.Event, *, name: str) -> None:
    """Call `act` now and then every so many seconds until `stop`; an outage is waited out, a bug is raised."""
    while not stop.is_set():
        pause = seconds
        try:
            await act()
        except (*DEPENDENCY_ERRORS, ServiceError) as error:
            if not is_retryable(error):
                raise
            pause = min(seconds, OUTAGE_SECONDS)
            _log.warning("periodic work met an outage", name=name, error_class=type(error).__name__)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await stop.wait()


async def in_batches(act: Callable[[], Awaitable[int]], batch_max: int) -> int:
    """Repeat an act that does at most `batch_max` at a time until less is left; returns how much it did in all."""
    done = 0
    while True:
        batch = await act()
        done += batch
        if batch < batch_max:
            return done
