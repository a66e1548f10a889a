"""A small process of the house, for tests that signal it: `python -m tests.kernel.program`."""

import asyncio
import os
import sys
from pathlib import Path

from pydantic_settings import SettingsConfigDict
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp

from services.kernel.http import create_app
from services.kernel.process import Process, run
from services.kernel.settings import ProcessSettings, load


class Settings(ProcessSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_nested_delimiter="__")

    ends: str = "never"  # what the second task does: never, raises, returns, is cut off
    trail: Path


def _note(settings: Settings, what: str) -> None:
    with settings.trail.open("a") as trail:
        trail.write(what + "\n")


async def _end(how: str) -> None:
    if how == "raises":
        raise ValueError("+79161234567")
    if how == "is cut off":
        waited_for = asyncio.get_running_loop().create_future()
        waited_for.cancel()
        await waited_for


async def build(process: Process[Settings]) -> ASGIApp:
    settings = process.settings

    async def work(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0.1)
        _note(settings, "work drained")

    async def other(stop: asyncio.Event) -> None:
        if settings.ends == "never":
            await stop.wait()
            return
        await asyncio.sleep(0.2)
        await _end(settings.ends)

    async def slow(request: Request) -> Response:
        _note(settings, "request began")
        await asyncio.sleep(0.5)
        return PlainTextResponse("answered")

    async def close() -> None:
        _note(settings, "resources closed")

    process.resources.push_async_callback(close)
    process.task("work", work)
    process.task("other", other)
    app = create_app("program", process)
    app.add_route("/slow", slow)
    if settings.ends == "build":
        raise ValueError("cannot build")
    return app


if __name__ == "__main__":
    assert "ENDS" in os.environ, "started by tests only"
    run(Process(load(Settings)), build)
    sys.exit(0)
