"""What the reservations slice counts."""

from collections import Counter as Tally

from prometheus_client import Counter

from services.billing.reservations.service import Books

RESERVATIONS = Counter("billing_reservations_total", "Decisions about reservations that were written.", ["state"])


def count(books: Books) -> None:
    """Count what a batch wrote: new reservations and changed ones, by the state they are in now."""
    written = Tally(reservation.state for reservation in (*books.added.values(), *books.changed.values()))
    for state, number in written.items():
        RESERVATIONS.labels(state).inc(number)
