"""Processes die, stand still, are restarted one after the other, and get company."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from typing import Any

import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies

from deploy.local.readiness import unready
from deploy.local.stack import Stack
from tests.chaos.faults.ground import Ground
from tests.chaos.plan import Fault
from tests.e2e.harness.waiting import eventually

ALIVE_WITHIN_SECONDS = 15.0
READY_WITHIN_SECONDS = 30.0
NOT_OURS = "sandbox-api"  # Meta does not die here


async def kill(ground: Ground, fault: Fault) -> None:
    """-9; one that another fault killed a moment ago is awaited first."""
    child = ground.stack.supervisor.children[fault.target]
    await _wait(lambda: child.running, ALIVE_WITHIN_SECONDS)
    await asyncio.to_thread(ground.stack.kill, fault.target, signal.SIGKILL)


async def freeze(ground: Ground, fault: Fault) -> None:
    """SIGSTOP, later SIGCONT; of PostgreSQL the backends stand still as well."""
    child = ground.stack.supervisor.children[fault.target]
    await _wait(lambda: child.running, ALIVE_WITHIN_SECONDS)
    with stood_still(child.pid):
        await asyncio.sleep(fault.seconds)


@contextlib.contextmanager
def stood_still(pid: int) -> Iterator[None]:
    """The process and all its children; the parent first, it must not give birth meanwhile."""
    stopped: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        parent.suspend()
        stopped = [*parent.children(recursive=True), parent]
    try:
        for process in stopped[:-1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        yield
    finally:
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


async def restart_all(ground: Ground, _fault: Fault) -> None:
    """A rolling restart: each process of the services is asked to end, the next when its successor is ready."""
    stack = ground.stack
    for name in [name for name in stack.names if name != NOT_OURS]:
        await _restart(stack, name)


async def _restart(stack: Stack, name: str) -> None:
    child = stack.supervisor.children[name]
    restarts = child.restarts
    await asyncio.to_thread(stack.kill, name, signal.SIGTERM)
    await _wait(lambda: child.restarts > restarts or not child.wanted, READY_WITHIN_SECONDS)
    await _ready(stack, name)


async def come_and_go(ground: Ground, fault: Fault) -> None:
    """One more worker joins, and leaves politely."""
    name = await asyncio.to_thread(ground.stack.add, fault.target)
    try:
        await _ready(ground.stack, name)
        await asyncio.sleep(fault.seconds)
    finally:
        await asyncio.to_thread(ground.stack.remove, name)


async def _ready(stack: Stack, name: str) -> None:
    """Wait for one process, not forever: what it needs may be struck as well."""
    port = {name: stack.facts.ports[name]}

    async def is_ready() -> bool:
        return not await asyncio.to_thread(unready, port)

    await _wait(is_ready, READY_WITHIN_SECONDS)


async def _wait(probe: Callable[[], Any], seconds: float) -> None:
    with contextlib.suppress(AssertionError):
        await eventually(probe, seconds=seconds)
