"""A stack whose processes py-spy watches for a while: a flame graph and the hottest places of each."""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from deploy.local import processes
from deploy.local.errors import StackError
from deploy.local.stack import Stack
from deploy.local.waiting import blocking
from tests.bench import flames, statements

# A sample costs some 0.2 ms of processor: at 50 a second the figures of a profiled run are still figures. Processes are
# not stopped for it (--nonblocking): on a full machine a stopped one waits until py-spy itself is given a core.
SAMPLES_PER_SECOND = 50
WRITTEN_SECONDS = 20.0
PTRACE = Path("/proc/sys/kernel/yama/ptrace_scope")
POSTGRES = "postgres"
CHOICES = (*processes.MODULES, POSTGRES)
DEFAULT = tuple(name for name in CHOICES if name != "sandbox-api")  # which is no part of Vestnik's cost


class ProfiledStack(Stack):
    """Those of its processes that are `profiled` are watched between begin() and end()."""

    def __init__(
        self,
        directory: Path,
        *,
        profiled: Collection[str] = (),
        copies: Mapping[str, int] | None = None,
        overrides: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        if profiled:
            _require_permission()
        postgres = statements.SETTINGS if POSTGRES in profiled else {}
        super().__init__(directory, copies=copies, overrides=overrides, postgres_settings=postgres)
        self._profiled = profiled
        self._spies: dict[str, subprocess.Popen[bytes]] = {}

    def profile(self, name: str, kind: str = "txt") -> Path:
        """Where a process's profile is written."""
        return self.directory / f"profile-{name}.{kind}"

    def begin(self) -> None:
        """Watch from now on."""
        pids = {str(row["name"]): int(row["pid"]) for row in self.processes}
        self._spies = {name: self._spy(name, pids[name]) for name in self._profiled if name != POSTGRES}
        if POSTGRES in self._profiled:
            blocking(statements.reset(self._dsn))

    @property
    def spies(self) -> list[dict[str, object]]:
        """Who watches, to be counted apart from what is watched."""
        return [{"name": "py-spy", "pid": spy.pid} for spy in self._spies.values()]

    def end(self) -> None:
        """Stop watching and write what was seen."""
        if POSTGRES in self._profiled:
            self.profile(POSTGRES).write_text(blocking(statements.report(self._dsn)), encoding="utf-8")
        for spy in self._spies.values():
            spy.send_signal(signal.SIGINT)
        for name, spy in self._spies.items():
            spy.wait(WRITTEN_SECONDS)
            self._write_hottest(name)

    def _spy(self, name: str, pid: int) -> subprocess.Popen[bytes]:
        graph = self.profile(name, "svg")
        graph.unlink(missing_ok=True)
        argv = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid), "--output", str(graph),
                "--rate", str(SAMPLES_PER_SECOND), "--function", "--nonblocking"]  # fmt: skip
        with self._spy_log(name).open("wb") as log:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _spy_log(self, name: str) -> Path:
        return self.log(f"py-spy-{name}")

    def _write_hottest(self, name: str) -> None:
        graph = self.profile(name, "svg")
        text = flames.hottest(flames.stacks(graph)) if graph.exists() else self._spy_log(name).read_text()
        self.profile(name).write_text(text, encoding="utf-8")

    @property
    def _dsn(self) -> str:
        return self.infrastructure.postgres.dsn("postgres", "postgres")


def _require_permission() -> None:
    """Say at once when this user may not look into processes that are not its children."""
    if os.geteuid() != 0 and PTRACE.exists() and PTRACE.read_text().strip() != "0":
        raise StackError(f"py-spy may not look into other processes here: write 0 into {PTRACE}, or run it as root.")
