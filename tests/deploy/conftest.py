"""A supervisor with stand-in children: small Python programs."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.child import Command
from deploy.local.supervisor import Supervisor

SLEEP = "import time; print('started', flush=True); time.sleep(600)"


@pytest.fixture
def make_command(tmp_path: Path) -> Callable[..., Command]:
    """`make_command("name", "print(1)")`: a child that runs this Python text."""

    def make(name: str, text: str = SLEEP) -> Command:
        log = tmp_path / "log" / f"{name}.log"
        argv = [sys.executable, "-c", text]
        return Command(name=name, argv=argv, environment={"PATH": "/usr/bin:/bin"}, directory=tmp_path, log=log)

    return make


@pytest.fixture
def changes() -> list[str]:
    """One entry for every change the supervisor told of."""
    return []


@pytest.fixture
def supervisor(tmp_path: Path, changes: list[str]) -> Iterator[Supervisor]:
    """A watching supervisor, closed at the end."""
    supervisor = Supervisor(tmp_path / "stack", on_change=lambda: changes.append("changed"))
    supervisor.open()
    yield supervisor
    supervisor.close([])
