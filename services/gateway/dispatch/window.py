"""How many messages a worker has between claim and result, and how many more it may claim now (hot path)."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from services.gateway.dispatch import metrics
from services.gateway.turns.service import Slots

# In flight = rate x time from claim to result: on a full machine a second and more for 150 ms of Meta's.
WINDOW = 1_500
# Of them kept free of mailings, so that answers and codes find a place when Meta is slow.
EXPRESS_PLACES = 150
# Of one number, and of its mailings: what is slow there takes nobody else's places.
NUMBER_WINDOW = 500
NUMBER_BULK_WINDOW = 400
CLAIM_MAX = 300
# Between claim and call, which is a second at most: halved where a busy machine needs longer, doubled up to the window
# where half of it is to spare. Else a crowd that an outage left would be too late for its calls again and again.
BEGINNING_MIN = 16
# Under load a claim carries more when it waits: its question and its transactions cost the same for one message.
# Mailings gather longer, and replies are claimed between them.
LOADED_MESSAGES = 20
LOADED_BULK_SECONDS = 0.3


class Window:
    """The places of one worker."""

    def __init__(self, *, begin_within_seconds: float) -> None:
        self.in_flight = 0
        self.of_number: Counter[str] = Counter()
        self._begin_within_seconds = begin_within_seconds
        self._beginning = 0
        self._beginning_max = WINDOW
        self._bulk_at = 0.0

    @property
    def is_loaded(self) -> bool:
        return self.in_flight >= LOADED_MESSAGES

    def slots(self) -> Slots:
        """The room that there is now; after this it is not the turn of mailings for a while."""
        free = max(min(WINDOW - self.in_flight, self._beginning_max - self._beginning, CLAIM_MAX), 0)
        bulk = min(WINDOW - EXPRESS_PLACES - self.in_flight, free) if self._is_turn_of_bulk() else 0
        return Slots(free, max(bulk, 0), NUMBER_WINDOW, NUMBER_BULK_WINDOW)

    def hurry(self) -> None:
        """There is more: mailings may have their turn at once."""
        self._bulk_at = 0.0

    def enter(self, rows: Iterable[Row[Any]]) -> None:
        """These were claimed and are to begin."""
        numbers = [row.phone_number_id for row in rows]
        self.in_flight += len(numbers)
        self._beginning += len(numbers)
        self.of_number.update(numbers)
        metrics.IN_FLIGHT.set(self.in_flight)

    def began(self, count: int, *, seconds: float) -> None:
        """So many, which entered together, have begun or will not, and it took so long."""
        self._beginning -= count
        if seconds > self._begin_within_seconds:
            self.was_late(of=count)
        elif seconds < self._begin_within_seconds / 2:
            self._beginning_max = min(2 * self._beginning_max, WINDOW)

    def was_late(self, *, of: int) -> None:
        """One of so many that began together came too late for its call: fewer at a time."""
        self._beginning_max = max(BEGINNING_MIN, min(self._beginning_max, of // 2))

    def leave(self, rows: Iterable[Row[Any]]) -> None:
        """These are done with."""
        for row in rows:
            self.in_flight -= 1
            self.of_number[row.phone_number_id] -= 1
            if not self.of_number[row.phone_number_id]:
                del self.of_number[row.phone_number_id]
        metrics.IN_FLIGHT.set(self.in_flight)

    def _is_turn_of_bulk(self) -> bool:
        now = time.monotonic()
        if self.is_loaded and now < self._bulk_at:
            return False
        self._bulk_at = now + LOADED_BULK_SECONDS
        return True
