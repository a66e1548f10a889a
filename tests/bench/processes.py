"""CPU and memory of a stack's processes, read from the operating system."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies

MEGABYTE = 1 << 20


class Memory(NamedTuple):
    """Megabytes: what a process has for itself, and what it shares with others (libraries, PostgreSQL's buffers)."""

    own: float
    shared: float


class Meter:
    """Reads the processes of a stack by name; a process that was restarted counts on from its new number."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._processes: list[tuple[str, psutil.Process]] = []
        self._backends: dict[int, psutil.Process] = {}
        self.add(rows)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Read these too; processes of one name are read as one."""
        self._processes += [(str(row["name"]), psutil.Process(int(row["pid"]))) for row in rows]

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time since each process began; PostgreSQL's with all its children, dead ones too."""
        found: dict[str, float] = {}
        for name, process in self._processes:
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                found[name] = found.get(name, 0.0) + times.user + times.system
                if name == "postgres":
                    found[name] += times.children_user + times.children_system
                    found[name] += sum(_cpu(child) for child in self._children(process))
        return found

    def memory(self) -> dict[str, Memory]:
        """What each process holds; PostgreSQL's own is the sum over its processes, its shared buffers count once."""
        found: dict[str, Memory] = {}
        for name, process in self._processes:
            with suppress(psutil.NoSuchProcess):
                parts = [_memory(process)]
                if name == "postgres":
                    parts += [_memory(child) for child in self._children(process)]
                found[name] = Memory(sum(part.own for part in parts), max(part.shared for part in parts))
        return found

    def _children(self, postmaster: psutil.Process) -> list[psutil.Process]:
        """The same objects every time: making them anew costs more than reading them."""
        with suppress(psutil.NoSuchProcess):
            children = postmaster.children()
            self._backends = {child.pid: self._backends.get(child.pid, child) for child in children}
        return list(self._backends.values())


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0  # its time is in the postmaster's children_* from now on
    return float(times.user + times.system)


def _memory(process: psutil.Process) -> Memory:
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return Memory(0.0, 0.0)
    return Memory((memory.rss - memory.shared) / MEGABYTE, memory.shared / MEGABYTE)


def machine() -> dict[str, float]:
    """Idle and stolen seconds of all cores together."""
    times = psutil.cpu_times()
    return {"idle": times.idle + times.iowait, "steal": times.steal}
