"""CPU and memory of a stack's processes, read from the operating system."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import psutil

MEGABYTE = 1 << 20


class Meter:
    """Reads the processes of a stack by name; a process that was restarted counts on from its new number."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._processes = {str(row["name"]): psutil.Process(int(row["pid"])) for row in rows}
        self._backends: dict[int, psutil.Process] = {}

    def cpu_seconds(self) -> dict[str, float]:
        """User and system time since each process began; PostgreSQL's with all its children, dead ones too."""
        found: dict[str, float] = {}
        for name, process in self._processes.items():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                found[name] = times.user + times.system
                if name == "postgres":
                    found[name] += times.children_user + times.children_system
                    found[name] += sum(_cpu(child) for child in self._children(process))
        return found

    def memory_megabytes(self) -> dict[str, float]:
        """Resident memory; PostgreSQL's is every process's own part and its shared buffers once."""
        found: dict[str, float] = {}
        for name, process in self._processes.items():
            with suppress(psutil.NoSuchProcess):
                memory = process.memory_info()
                found[name] = memory.rss / MEGABYTE
                if name == "postgres":
                    parts = [memory, *filter(None, map(_memory, self._children(process)))]
                    own = sum(part.rss - part.shared for part in parts)
                    found[name] = (own + max(part.shared for part in parts)) / MEGABYTE
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


def _memory(process: psutil.Process) -> Any:
    with suppress(psutil.NoSuchProcess):
        return process.memory_info()
    return None


def machine() -> dict[str, float]:
    """Idle and stolen seconds of all cores together."""
    times = psutil.cpu_times()
    return {"idle": times.idle + times.iowait, "steal": times.steal}
