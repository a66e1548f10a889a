"""What the reservations slice counts."""

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import Counter

RESERVATIONS = Counter("billing_reservations_total", "Decisions about reservations that were written.", ["state"])


def count(states: Iterable[str]) -> None:
    """Count what a batch wrote: new reservations and changed ones, by the state they are in now."""
    for state, number in Tally(states).items():
        RESERVATIONS.labels(state).inc(number)
