"""A copy of a process that the test runs by itself, with addresses of its own choice."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from deploy.local import ports, processes
from deploy.local.paths import REPOSITORY
from deploy.local.stack import Stack
from tests.e2e.harness.waiting import eventually

FIRST_PORT = 21_500


class Worker:
    """One process of ours; nobody restarts it."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, url: str) -> None:
        self._process = process
        self.log = log
        self.url = url

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        if self._process.poll() is None:
            self.thaw()
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@asynccontextmanager
async def own_worker(
    stack: Stack, http: aiohttp.ClientSession, environment: Mapping[str, str], *, name: str = "gateway-worker"
) -> AsyncIterator[Worker]:
    """A further copy of `name` with these variables on top of the stack's; ready when the block begins."""
    port = ports.choose(["own"], {}, FIRST_PORT)["own"]
    values = stack.environment(name) | {"HTTP__PORT": str(port), "PROCESS_NAME": f"{name}-own"} | dict(environment)
    log = stack.log(f"{name}-own")
    process = await asyncio.to_thread(_start, [sys.executable, "-m", processes.MODULES[name]], values, log)
    worker = Worker(process, log, f"http://127.0.0.1:{port}")
    try:
        await eventually(lambda: _is_ready(http, port, process), f"{name}-own is ready: see {log}")
        yield worker
    finally:
        await asyncio.to_thread(worker.end)


def _start(argv: Sequence[str], values: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as file:
        return subprocess.Popen(argv, env=values, cwd=REPOSITORY, stdout=file, stderr=file, start_new_session=True)


async def _is_ready(http: aiohttp.ClientSession, port: int, process: "subprocess.Popen[bytes]") -> bool:
    if process.poll() is not None:
        raise RuntimeError(f"it ended with {process.returncode}")
    try:
        async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False
