"""A process that is frozen stands still with all its children."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies
import pytest

from tests.chaos.faults.processes import stood_still
from tests.e2e.harness.waiting import eventually

CHILD = "import time; time.sleep(60)"
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {CHILD!r}]).wait()"


@pytest.fixture
async def family() -> AsyncIterator[list[psutil.Process]]:
    """A process and its child."""
    started = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT)
    parent = psutil.Process(started.pid)
    children = await eventually(lambda: parent.children(recursive=True), "it has a child")
    yield [parent, *children]
    for process in (*children, parent):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    await started.wait()


async def test_parent_and_child_stand_still_and_go_on(family: list[psutil.Process]) -> None:
    with stood_still(family[0].pid):
        await eventually(lambda: {one.status() for one in family} == {psutil.STATUS_STOPPED}, "both stand still")
    await eventually(lambda: psutil.STATUS_STOPPED not in {one.status() for one in family}, "both go on")


async def test_who_is_killed_while_frozen_is_forgotten(family: list[psutil.Process]) -> None:
    with stood_still(family[0].pid):
        family[1].kill()
        await eventually(lambda: family[1].status() == psutil.STATUS_ZOMBIE, "the child is dead")
    await eventually(lambda: family[0].status() != psutil.STATUS_STOPPED, "the parent goes on")


async def test_who_is_gone_cannot_be_frozen(family: list[psutil.Process]) -> None:
    for process in reversed(family):
        process.kill()
    await eventually(lambda: not psutil.pid_exists(family[0].pid), "the parent was reaped")
    with stood_still(family[0].pid):
        pass
