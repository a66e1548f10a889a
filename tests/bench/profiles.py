"""A stack in which some processes are profiled."""

import signal
import sys
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from deploy.local import processes
from deploy.local.child import Command
from deploy.local.stack import Stack
from deploy.local.waiting import blocking
from tests.bench import statements

WRITTEN_SECONDS = 20.0
POSTGRES = "postgres"
CHOICES = (*processes.MODULES, POSTGRES)
DEFAULT = (
    "gateway-api", "gateway-worker", "webhook-api", "consent-api", "consent-worker", "billing-worker", POSTGRES,
)  # fmt: skip


class ProfiledStack(Stack):
    """Records only between begin() and end()."""

    profiled: Collection[str] = ()

    def _service(self, name: str) -> Command:
        command = super()._service(name)
        if name not in self.profiled:
            return command
        module = processes.MODULES[processes.base(name)]
        return replace(command, argv=[sys.executable, "-m", "tests.bench.profiled", str(self.profile(name)), module])

    def profile(self, name: str) -> Path:
        """Where a process's profile is written."""
        return self.directory / f"profile-{name}.txt"

    def begin(self) -> None:
        """Record from now on."""
        for name in self._python:
            self.kill(name, signal.SIGUSR1)
        if POSTGRES in self.profiled:
            blocking(statements.reset(self._dsn))

    def end(self) -> None:
        """Stop recording and wait until it is written."""
        if POSTGRES in self.profiled:
            self.profile(POSTGRES).write_text(blocking(statements.report(self._dsn)), encoding="utf-8")
        for name in self._python:
            self.profile(name).unlink(missing_ok=True)
            self.kill(name, signal.SIGUSR2)
        deadline = time.monotonic() + WRITTEN_SECONDS
        while not all(self.profile(name).exists() for name in self._python) and time.monotonic() < deadline:
            time.sleep(0.05)

    @property
    def _python(self) -> list[str]:
        return [name for name in self.profiled if name != POSTGRES]

    @property
    def _dsn(self) -> str:
        return self.infrastructure.postgres.dsn("postgres", "postgres")
