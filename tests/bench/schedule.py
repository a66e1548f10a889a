"""When each message of an open loop is meant to be sent: a short ramp, then the rate."""

from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rate grows from nothing to `rate` during the warm-up; the window that is measured follows it."""

    rate: float
    seconds: float
    warm_up_seconds: float

    @property
    def total(self) -> int:
        """How many messages are meant."""
        return int(self.rate * (self.warm_up_seconds / 2 + self.seconds))

    @property
    def end_seconds(self) -> float:
        return self.warm_up_seconds + self.seconds

    def offset(self, message: int) -> float:
        """Seconds after the start at which this message (from 0) is meant to be sent."""
        ramped = self.rate * self.warm_up_seconds / 2
        if message < ramped:
            return sqrt(2 * self.warm_up_seconds * message / self.rate)
        return self.warm_up_seconds + (message - ramped) / self.rate
