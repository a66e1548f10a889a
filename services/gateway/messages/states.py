"""The states of a message and the one rule of their order."""

from enum import IntEnum


class State(IntEnum):
    """Numbers are the order: a message only moves up, except that late evidence lifts a provisional end."""

    ACCEPTED = 0
    CLEARED = 1
    FUNDED = 2
    SENDING = 3
    UNKNOWN = 4
    SENT = 5
    DELIVERED = 6
    READ = 7
    FAILED = 8
    EXPIRED = 9


class Reported(IntEnum):
    """Bits of which of Meta's reports on a message were applied and told; each is set once."""

    SENT = 1
    DELIVERED = 2
    READ = 4
    FAILED = 8


# `expired` and a failure for want of any news were guesses; a report of Meta is knowledge.
PROVISIONAL_REASON = "unknown"


def may_move(old: State, new: State, *, reason: str | None = None) -> bool:
    """Whether a message in `old` (failed for `reason`) moves on to `new`; the SQL of the slice says the same."""
    if old == State.EXPIRED or (old == State.FAILED and reason == PROVISIONAL_REASON):
        return State.SENT <= new <= State.READ
    if old == State.FAILED:
        return False
    if new in (State.FAILED, State.EXPIRED):
        return old <= State.SENT
    return new > old
