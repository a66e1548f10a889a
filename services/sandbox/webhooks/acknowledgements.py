"""How long the webhook took to answer each POST, in buckets that grow by a twelfth."""

import bisect

LIMIT_MS = 250.0  # Meta wants the median below this; it is one of the bounds, so that a share over it is exact
STEP = 13 / 12
FIRST, LAST = -80, 60  # from 0.4 ms to half a minute
BOUNDS_MS = tuple(LIMIT_MS * STEP**power for power in range(FIRST, LAST + 1))


class Acknowledgements:
    """Counts since the start; the bucket after the last bound holds what took longer still."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS_MS) + 1)

    def note(self, seconds: float) -> None:
        """A POST was answered, or given up, after so long."""
        self._counts[bisect.bisect_left(BOUNDS_MS, seconds * 1000)] += 1

    def view(self) -> dict[str, list[float] | list[int]]:
        """Bucket n counts what took at most `bounds_ms[n]` and more than the bound before it."""
        return {"bounds_ms": list(BOUNDS_MS), "counts": list(self._counts)}
