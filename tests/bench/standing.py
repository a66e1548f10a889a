"""A stack that stands while something is measured on it."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench import directory, load
from tests.bench.load import Called
from tests.bench.profiles import ProfiledStack
from tests.bench.progress import Phases

LATENCY_MS = 150  # of Meta


def new_stack(
    where: Path,
    *,
    profiled: Collection[str] = (),
    copies: Mapping[str, int] | None = None,
    log_level: str = "WARNING",
) -> ProfiledStack:
    """A stack in an emptied directory whose Meta takes its time."""
    directory.prepare(where)
    overrides = {"*": {"LOG__LEVEL": log_level}, "sandbox-api": {"LATENCY_MS": str(LATENCY_MS)}}
    return ProfiledStack(where, profiled=profiled, copies=copies, overrides=overrides)


@contextmanager
def standing(stack: ProfiledStack, phases: Phases) -> Iterator[Called]:
    """Start a stack and give what its tenants are told; the stack is always stopped."""
    try:
        with phases.phase("starting a stack of its own"):
            stack.start()
        with load.receiving() as called:
            yield called
    finally:
        with phases.phase("stopping it"):
            stack.stop()


def restarts(stack: ProfiledStack) -> Counter[str]:
    """How often each process was started again so far."""
    return Counter({str(row["name"]): int(row["restarts"]) for row in stack.processes})
