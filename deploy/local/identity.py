"""Tells one process from a later one that was given the same number."""

import os
import signal
import time
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START_TIME_FIELD = 19  # counted after the command's closing bracket: field 22 of proc(5)


def identity(pid: int) -> str | None:
    """Return a text that no other process ever has, or None when `pid` is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in ("Z", "X"):
        return None
    return f"{BOOT_ID.read_text().strip()}:{fields[START_TIME_FIELD]}"


def alive(pid: int, known_as: str) -> bool:
    """Say whether `pid` is still the process that was recorded as `known_as`."""
    return identity(pid) == known_as


def send(pid: int, known_as: str, signal_number: int) -> bool:
    """Signal the recorded process; False when it is gone."""
    if not alive(pid, known_as):
        return False
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return False
    return True


def end(pid: int, known_as: str, *, first: int = signal.SIGTERM, patience_seconds: float = 10.0) -> None:
    """End a recorded process: politely, then, when it does not listen, at once."""
    send(pid, known_as, signal.SIGCONT)
    send(pid, known_as, first)
    deadline = time.monotonic() + patience_seconds
    while alive(pid, known_as):
        if time.monotonic() > deadline:
            send(pid, known_as, signal.SIGKILL)
        time.sleep(0.05)
