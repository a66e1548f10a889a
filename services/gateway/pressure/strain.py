"""How many times as long mailings rest: more while replies are late, less with time (hot path)."""

import math
import time
from collections.abc import Callable

# From the door's acceptance until it is paid for: alone on its machine a reply takes up to 0.2 s, which are ticks.
LATE_SECONDS = 0.2
# Doubled in 1.5 s, half of it gone after 20 s: what is late in between is late by little.
STRAIN_GROWTH = 1.25
STRAIN_MAX = 12.0  # a door takes some 70 messages a second even then
HALF_LIFE_SECONDS = 20.0
# What comes sooner was late for the same reason, and the doors have not heard of it yet.
DEAF_SECONDS = 0.5


class Strain:
    """One process's measure of it; 1.0 while no reply is late, also because there is none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._then = 1.0
        self._late_at = clock()

    def note(self, seconds: float) -> None:
        """A reply took so long."""
        at = self._clock()
        if seconds > LATE_SECONDS and at - self._late_at > DEAF_SECONDS:
            self._then, self._late_at = min(self.now * STRAIN_GROWTH, STRAIN_MAX), at

    @property
    def now(self) -> float:
        """From 1.0 to STRAIN_MAX."""
        age = self._clock() - self._late_at
        return max(1.0, self._then * math.pow(0.5, age / HALF_LIFE_SECONDS))
