"""Runs a service's module under a sampling profiler: `python -m tests.bench.profiled FILE MODULE`.

SIGUSR1 begins to record, SIGUSR2 ends it and writes FILE, so that only the measured window is in it. Samples are taken
by CPU time (ITIMER_PROF), not by the clock: waiting costs nothing, and a busy machine does not distort the shares. The
cost is about one percent, so the figures of a profiled run are figures.
"""

import runpy
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

EVERY_SECONDS = 0.004  # of CPU time; kernels seldom count it finer
DEPTH_MAX = 250
LINES = 45
OURS, SITE = "/services/", "/site-packages/"
LIBRARY = "/lib/python"
LOOP = "services/kernel/process.py:run"


class Recorder:
    """Counts samples by library, by function, and by the function of ours that they happened in."""

    def __init__(self) -> None:
        self._packages: Counter[str] = Counter()
        self._functions: Counter[str] = Counter()
        self._ours: Counter[str] = Counter()
        self._within: Counter[str] = Counter()

    def take(self, _number: int, frame: FrameType | None) -> None:
        names = list(_stack(frame))
        if not names:
            return
        self._packages[package(names[0])] += 1
        self._functions[names[0]] += 1
        self._ours[_of_ours(names)] += 1
        self._within.update(set(names))

    def render(self) -> str:
        """Four tables, each with the share of the process's CPU time."""
        tables = {
            "by library (own time)": self._packages,
            "by function of ours (with the libraries it calls; SQL runs in greenlets, for itself)": self._ours,
            "by function (own time)": self._functions,
            "by function (with everything it calls)": self._within,
        }
        total = sum(self._packages.values())
        parts = [f"{total} samples\n"]
        for title, counts in tables.items():
            rows = [f"{count / total:7.1%}  {name}" for name, count in counts.most_common(LINES)]
            parts.append("\n".join([f"\n{title}", *rows, ""]))
        return "".join(parts)


def _stack(frame: FrameType | None) -> Iterator[str]:
    """Innermost first."""
    for _ in range(DEPTH_MAX):
        if frame is None:
            return
        yield f"{short(frame.f_code.co_filename)}:{frame.f_code.co_qualname}"
        frame = frame.f_back


def _of_ours(names: list[str]) -> str:
    """The innermost function of ours; what the loop calls by itself goes by the library it belongs to."""
    found = next((at for at, name in enumerate(names) if name.startswith("services/")), None)
    if found is None:
        return f"({package(names[-1])} in a greenlet)"
    if names[found] != LOOP:
        return names[found]
    return f"(the loop: {package(names[found - 2])})" if found > 1 else "(the loop itself)"


def short(file: str) -> str:
    """A path without where it is installed."""
    for marker in (SITE, OURS):
        if marker in file:
            tail = file.rpartition(marker)[2]
            return f"services/{tail}" if marker == OURS else tail
    return file.rpartition(LIBRARY)[2].partition("/")[2] if LIBRARY in file else file


def package(name: str) -> str:
    """services/kernel, sqlalchemy, asyncio, ...: whose code it is."""
    parts = name.partition(":")[0].split("/")
    return "/".join(parts[:2]) if parts[0] == "services" else parts[0]


def main(file: str, module: str) -> None:
    """Be that module, ready to be recorded."""
    recorder = Recorder()

    def begin(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        draft = Path(f"{file}.draft")
        draft.write_text(recorder.render(), encoding="utf-8")
        draft.replace(file)

    signal.signal(signal.SIGPROF, recorder.take)
    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
