"""One child process: its command, its log, its life."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local import identity, logs

PATIENCE_SECONDS = 15.0
SETTLED_SECONDS = 10.0  # a child that lived this long and died is restarted at once
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 0.1, 4.0
DOUBLINGS_MAX = 6  # from the first delay to beyond the longest


@dataclass(frozen=True)
class Command:
    """How to run a child. `demote` is what subprocess needs to run it as another user."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    demote: Mapping[str, Any] = field(default_factory=dict)
    stop_signal: int = signal.SIGTERM


class Child:
    """A command that should be running; `restarts` counts how often it had to be started again."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self.restarts = 0
        self.wanted = False
        self.known_as = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._quick_deaths = 0
        self._restart_at: float | None = None

    @property
    def name(self) -> str:
        """Return the process name, such as gateway-worker-2."""
        return self.command.name

    @property
    def pid(self) -> int:
        """Return the number of the working process, 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def running(self) -> bool:
        """Say whether the process lives (a stopped one, SIGSTOP, does)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C at the terminal reaches only the supervisor."""
        command = self.command
        log = logs.open_for_child(command.log)
        try:
            self._process = subprocess.Popen(
                list(command.argv), env=dict(command.environment), cwd=command.directory, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True, **command.demote,
            )  # fmt: skip
        finally:
            os.close(log)
        self.wanted, self._restart_at, self._started_at = True, None, time.monotonic()
        self.known_as = identity.identity(self._process.pid) or ""

    def revive(self) -> bool:
        """Start a dead child again when its delay is over; say whether it was started now."""
        if not self.wanted or self.running:
            return False
        if self._restart_at is None:
            self._restart_at = time.monotonic() + self._delay()
        if time.monotonic() < self._restart_at:
            return False
        self.start()
        self.restarts += 1
        return True

    def _delay(self) -> float:
        """A child that dies young is given longer and longer pauses."""
        quick = time.monotonic() - self._started_at < SETTLED_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(self._quick_deaths, DOUBLINGS_MAX))

    def signal(self, number: int) -> None:
        """Send a signal to the living process; nothing happens when it is dead."""
        if self._process and self.running:
            self._process.send_signal(number)

    def ask_to_stop(self) -> None:
        """Ask the process to end, waking it first if it was frozen."""
        self.wanted = False
        self.signal(signal.SIGCONT)
        self.signal(self.command.stop_signal)

    def wait_stopped(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Wait for the end; a process that does not end in time is killed."""
        if not self._process:
            return
        try:
            self._process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
