"""Waiting for what must become true; no test asserts a time."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 45.0
POLL_SECONDS = 0.05


async def eventually(probe: Callable[[], Any], what: str = "", *, seconds: float = PATIENCE_SECONDS) -> Any:
    """Return the probe's first truthy value; an AssertionError in it means "not yet"."""
    deadline = time.monotonic() + seconds
    while True:
        failed: AssertionError | None = None
        value: Any = None
        try:
            found = probe()
            value = await found if inspect.isawaitable(found) else found
        except AssertionError as error:
            failed = error
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what or inspect.getsource(probe).strip()}") from failed
        await asyncio.sleep(POLL_SECONDS)


async def stays(probe: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Fail as soon as the probe is false within the next seconds: for what must not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert probe(), what
        await asyncio.sleep(POLL_SECONDS)
