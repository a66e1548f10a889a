"""Keeps children running: restarts the dead, rotates their logs, stops them in reverse order, ends forgotten ones."""

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.local import documents, identity, logs
from deploy.local.child import Child, Command
from deploy.local.errors import StackError

TICK_SECONDS = 0.1
ROTATE_EVERY_SECONDS = 5.0
TELL_EVERY_SECONDS = 3600.0  # what is told holds a token that ends
RECORD = "children.json"


class Supervisor:
    """The children of one stack directory. Only one supervisor at a time can hold a directory."""

    def __init__(self, directory: Path, on_change: Callable[[], None] = lambda: None) -> None:
        self.children: dict[str, Child] = {}
        self._directory = directory
        self._on_change = on_change
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._watcher: threading.Thread | None = None
        self._held: int | None = None
        self._rotated_at = self._told_at = time.monotonic()

    @property
    def holding(self) -> bool:
        """Say whether the directory is ours, from open() to close()."""
        return self._held is not None

    def open(self) -> None:
        """Take the directory, end what a crashed predecessor left behind, and begin to watch."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._held = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._held)
            self._held = None
            raise StackError(f"Another stack runs in {self._directory}: stop that one first.") from None
        end_forgotten(self._directory)
        self._ending.clear()
        self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._watcher.start()

    def start(self, command: Command) -> Child:
        """Start a child, unless it runs, and keep it running from now on."""
        with self._lock:
            child = self.children.get(command.name)
            if child is None or child.command != command:
                child = self.children[command.name] = Child(command)
            if not child.running:
                child.start()
            self._record()
        return child

    def stop(self, names: Sequence[str]) -> None:
        """Stop these children together and keep them stopped."""
        with self._lock:
            stopping = [self.children[name] for name in names if name in self.children]
            for child in stopping:
                child.ask_to_stop()
        for child in stopping:
            child.wait_stopped()

    def close(self, order: Sequence[Sequence[str]]) -> None:
        """Stop everything, group by group in the given order, and let go of the directory."""
        self._ending.set()
        if self._watcher:
            self._watcher.join()
        for names in order:
            self.stop(names)
        self.stop(list(self.children))
        (self._directory / RECORD).unlink(missing_ok=True)
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def _watch(self) -> None:
        while not self._ending.wait(TICK_SECONDS):
            try:
                self._look_after()
            except OSError as error:  # a full disk takes no notes: the dead are restarted all the same
                print(f"supervisor: {error}", file=sys.stderr)

    def _look_after(self) -> None:
        with self._lock:
            revived = [child for child in self.children.values() if child.revive()]
            if revived:
                self._record()
        now = time.monotonic()
        if revived or now - self._told_at > TELL_EVERY_SECONDS:
            self._told_at = now
            self._on_change()
        if now - self._rotated_at > ROTATE_EVERY_SECONDS:
            self._rotated_at = now
            for child in list(self.children.values()):
                logs.rotate(child.command.log)

    def _record(self) -> None:
        """Write down who the children are, for a successor that finds them without a supervisor."""
        rows = [
            {"name": child.name, "pid": child.pid, "known_as": child.known_as, "signal": int(child.command.stop_signal)}
            for child in self.children.values()
        ]
        documents.write(self._directory / RECORD, rows)


def end_forgotten(directory: Path) -> list[str]:
    """End children that a crashed supervisor left running in this directory; return their names."""
    rows = documents.read(directory / RECORD) or []
    left = [row for row in reversed(rows) if identity.alive(row["pid"], row["known_as"])]
    for row in left:
        identity.end(row["pid"], row["known_as"], first=row["signal"])
    (directory / RECORD).unlink(missing_ok=True)
    return [row["name"] for row in left]
