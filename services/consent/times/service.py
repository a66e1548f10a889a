"""Meta's time of something that happened, never further ahead than clocks differ."""

from datetime import datetime, timedelta

from services.kernel import clock

CLOCK_SKEW_MAX = timedelta(seconds=60)  # Meta's clock may run ahead of ours


def heard(at: datetime) -> datetime:
    """When something happened that we hear of now.

    A time from the far future would keep a window open for ever, or a START stronger than every later STOP.
    """
    return min(at, clock.now() + CLOCK_SKEW_MAX)
