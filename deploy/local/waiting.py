"""Waiting with a bound, from code that may or may not run inside an event loop."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from deploy.local.errors import StackError

T = TypeVar("T")
POLL_SECONDS = 0.1


def blocking(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a loop of its own, also when the calling thread already runs one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, work).result()


def wait_until(
    ready: Callable[[], bool], *, seconds: float, what: str, detail: Callable[[], str], ending: threading.Event
) -> None:
    """Poll until `ready`; raise with `what` and the last words of `detail` after `seconds`, or when `ending` is set."""
    deadline = time.monotonic() + seconds
    while not ready():
        if ending.wait(POLL_SECONDS):
            raise StackError("The stack was asked to stop while it started.")
        if time.monotonic() > deadline:
            raise StackError(f"{what} within {seconds:.0f} s. {detail()}".rstrip())
