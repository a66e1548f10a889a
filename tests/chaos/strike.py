"""Striking one process and waiting until everything is ready again."""

import asyncio
import os
import signal
import time
from datetime import UTC, datetime

from deploy.local.stack import Stack
from tests.chaos.plan import Fault
from tests.e2e.harness.waiting import eventually

BACK_WITHIN_SECONDS = 60.0


async def strike(stack: Stack, fault: Fault) -> tuple[float, tuple[datetime, datetime] | None]:
    """Seconds until all was ready again, and the interval in which a process stood still."""
    if fault.is_freeze:
        return await _freeze(stack, fault)
    child = stack.supervisor.children[fault.process]
    restarts = child.restarts
    await asyncio.to_thread(stack.kill, fault.process, signal.SIGKILL)
    return await _recovery(stack, lambda: child.restarts > restarts), None


async def _freeze(stack: Stack, fault: Fault) -> tuple[float, tuple[datetime, datetime]]:
    begun = datetime.now(UTC)
    pid = await asyncio.to_thread(stack.kill, fault.process, signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.freeze_seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
    ended = datetime.now(UTC)
    return await _recovery(stack, lambda: True), (begun, ended)


async def _recovery(stack: Stack, has_happened: object) -> float:
    began = time.monotonic()

    async def is_back() -> bool:
        assert callable(has_happened)
        assert has_happened(), "it is not restarted yet"
        unready = await asyncio.to_thread(stack.unready)
        assert not unready, f"not ready: {unready}"
        return True

    await eventually(is_back, "everything is ready again", seconds=BACK_WITHIN_SECONDS)
    return time.monotonic() - began
