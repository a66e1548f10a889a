"""Waiting for what another process does."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 20.0


def eventually(happened: Callable[[], object]) -> None:
    """Return as soon as `happened()` is true; fail when it does not become true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
