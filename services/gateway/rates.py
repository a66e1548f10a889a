"""Token buckets in memory: how often somebody may ask one process (hot path)."""

from collections.abc import Hashable
from time import monotonic
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class TokenBuckets(Generic[K]):
    """A bucket per key, full at first, that holds one second's worth or `burst`; who was idle longest is forgotten."""

    def __init__(self, *, entries_max: int) -> None:
        self._entries_max = entries_max
        self._buckets: dict[K, tuple[float, float]] = {}  # tokens, and when they were counted; the latest used last

    def take(self, key: K, per_second: float, count: float = 1, *, burst: float | None = None) -> float:
        """Take `count` tokens; returns how many are left, or a negative number when there were too few to take any."""
        now = monotonic()
        holds = per_second if burst is None else burst
        tokens, at = self._buckets.pop(key, (holds, now))
        tokens = min(holds, tokens + (now - at) * per_second)
        left = tokens - count
        self._buckets[key] = (left if left >= 0.0 else tokens, now)
        if len(self._buckets) > self._entries_max:
            del self._buckets[next(iter(self._buckets))]
        return left
