"""How fast this machine's core is right now: CPU figures of two runs compare only divided by this."""

import time

ITERATIONS = 1_000_000
ROUNDS = 5


def nanoseconds() -> float:
    """The best of a few rounds of a fixed loop in pure Python, in nanoseconds per iteration."""
    return round(min(_round() for _ in range(ROUNDS)), 1)


def _round() -> float:
    total, begun = 0, time.perf_counter_ns()
    for number in range(ITERATIONS):
        total = (total * 31 + number) & 0xFFFF
    return (time.perf_counter_ns() - begun) / ITERATIONS
