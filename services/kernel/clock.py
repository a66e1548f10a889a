"""The time of day, which tests can hold still."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


class FrozenClock:
    """A stopped clock; `advance` moves it."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a frozen clock needs an aware datetime: add tzinfo=UTC")
        self.at = at.astimezone(UTC)

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


_frozen: list[FrozenClock] = []  # of the whole process and not of a context, so that running tasks see it too


def now() -> datetime:
    """The present moment, aware and in UTC."""
    return _frozen[-1].at if _frozen else datetime.now(UTC)


@contextmanager
def frozen(at: datetime) -> Iterator[FrozenClock]:
    """Hold `now()` still inside the block; for tests only."""
    clock = FrozenClock(at)
    _frozen.append(clock)
    try:
        yield clock
    finally:
        _frozen.remove(clock)
