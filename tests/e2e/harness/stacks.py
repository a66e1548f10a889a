"""Stacks for end-to-end tests: fresh, with two of each worker, and quick where a real Meta takes its time."""

import asyncio
import fcntl
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.local.stack import Stack
from deploy.local.supervisor import end_forgotten

DIRECTORY = Path("var/test/e2e")
COPIES = {"gateway-worker": 2, "consent-worker": 2, "billing-worker": 2}
OVERRIDES: dict[str, dict[str, str]] = {
    "*": {"LOG__STRICT": "true"},
    "sandbox-api": {
        "DELAYS__SENT_MS": "20",
        "DELAYS__DELIVERED_MS": "60",
        "DELAYS__READ_MS": "120",
        "WEBHOOK__RETRY_START_SECONDS": "0.2",
        "WEBHOOK__RETRY_CAP_SECONDS": "1",
    },
    "gateway-worker": {"UNKNOWN_GRACE_SECONDS": "5", "UNKNOWN_MAX_SECONDS": "15"},
}


def new_stack(
    directory: Path | str = DIRECTORY,
    *,
    copies: Mapping[str, int] | None = None,
    overrides: Mapping[str, Mapping[str, str]] | None = None,
) -> Stack:
    """A stack that begins empty; `overrides` are added to the usual ones."""
    place = Path(directory)
    _empty(place)
    merged = {
        name: {**OVERRIDES.get(name, {}), **(overrides or {}).get(name, {})}
        for name in (*OVERRIDES, *(overrides or {}))
    }
    return Stack(place, copies=COPIES if copies is None else copies, overrides=merged)


def _empty(directory: Path) -> None:
    """Forget an earlier run, also one that crashed; a stack that runs there now is left alone."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        end_forgotten(directory.resolve())
        shutil.rmtree(directory)
    finally:
        os.close(lock)


@asynccontextmanager
async def held(stack: Stack, *names: str) -> AsyncIterator[None]:
    """These processes are stopped inside the block (or until stack.release), and ready again after it."""
    await asyncio.gather(*(asyncio.to_thread(stack.hold, name) for name in names))
    try:
        yield
    finally:
        for name in names:
            if not stack.supervisor.children[name].running:
                await asyncio.to_thread(stack.release, name)
        await asyncio.to_thread(stack.wait_ready)
