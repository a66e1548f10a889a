"""A stack that stands while something is measured on it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench import load
from tests.bench.load import Called
from tests.bench.profiles import ProfiledStack
from tests.bench.progress import Phases


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
