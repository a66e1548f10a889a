"""A real process: it serves, it drains when told to end, and it ends itself when one of its tasks does."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from services.kernel import process
from tests.sandbox.stand import free_port

PATIENCE_SECONDS = 20


class Program:
    def __init__(self, process: asyncio.subprocess.Process, url: str, trail: Path) -> None:
        self.process = process
        self.url = url
        self._trail = trail

    def trail(self) -> list[str]:
        return self._trail.read_text().splitlines() if self._trail.exists() else []

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as http, http.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def is_up(self) -> bool:
        try:
            return (await self.get("/readyz"))[0] == 200
        except aiohttp.ClientError:
            return False

    async def ended(self) -> tuple[int, str]:
        """Its exit code, and everything it printed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, (out + err).decode()


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.02)


@asynccontextmanager
async def started(folder: Path, ends: str = "never", port: int | None = None) -> AsyncIterator[Program]:
    port, trail = port or free_port(), folder / "trail"
    environment = {"PROCESS_NAME": "test-api", "HTTP__PORT": str(port), "ENDS": ends, "TRAIL": str(trail)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.kernel.program",
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Program(process, f"http://127.0.0.1:{port}", trail)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_process_that_is_told_to_end_answers_drains_and_closes_in_this_order(
    tmp_path: Path, how: signal.Signals
) -> None:
    async with started(tmp_path) as program:
        await until(program.is_up)
        asking = asyncio.create_task(program.get("/slow"))
        await until(lambda: _holds("request began" in program.trail()))
        program.process.send_signal(how)
        assert await asking == (200, "answered")
        assert (await program.ended())[0] == 0
        assert program.trail() == ["request began", "work drained", "resources closed"]


@pytest.mark.parametrize("ends", ["raises", "returns", "is cut off"])
async def test_a_task_that_ends_by_itself_ends_the_process_with_an_error(tmp_path: Path, ends: str) -> None:
    async with started(tmp_path, ends) as program:
        code, printed = await program.ended()
        assert code == 1
        assert program.trail() == ["resources closed"]
        assert "process halted" in printed
        assert "+79161234567" not in printed  # an error's message may hold content


async def test_a_process_that_cannot_be_built_ends_with_an_error_and_closes_what_it_had(tmp_path: Path) -> None:
    async with started(tmp_path, "build") as program:
        assert (await program.ended())[0] == 1
        assert program.trail() == ["resources closed"]


async def test_a_port_that_is_taken_ends_the_process_with_an_error(tmp_path: Path) -> None:
    async with started(tmp_path) as first:
        await until(first.is_up)
        port = int(first.url.rpartition(":")[2])
        (other := tmp_path / "other").mkdir()
        async with started(other, port=port) as second:
            assert (await second.ended())[0] != 0


async def test_a_missing_setting_is_named_and_the_code_is_2(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.kernel.program",
        env={"PATH": os.environ["PATH"], "ENDS": "never", "HTTP__PORT": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, printed = await process.communicate()
    assert (process.returncode, b"PROCESS_NAME" in printed, b"TRAIL" in printed) == (2, True, True)


async def _holds(fact: bool) -> bool:
    return fact


def test_what_was_built_is_spared_by_the_garbage_collector() -> None:
    before = gc.get_threshold()
    try:
        process._settle_garbage_collector()
        assert gc.get_freeze_count() > 1_000
        assert gc.get_threshold() == process.COLLECTION_THRESHOLDS
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
