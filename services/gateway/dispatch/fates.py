"""What a Graph error means for the message: again later, never, or nobody knows (whatsapp-cloud-api, section 4)."""

from enum import Enum
from typing import NamedTuple

CODE_UNKNOWN_OUTCOME = 131000


class Action(Enum):
    RETRY = "retry"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Parks(Enum):
    """What else Meta would refuse for the same reason, and what therefore waits as long as the message does."""

    NUMBER = "number"
    MAILINGS = "mailings"  # of the number; replies may pass, and are tried each for itself
    PAIR = "pair"


class Fate(NamedTuple):
    """What to do after an error; `delay_seconds` grows with the attempt where `is_growing`."""

    action: Action
    delay_seconds: float = 0.0
    is_growing: bool = False
    is_alert: bool = False
    parks: Parks | None = None

    def delay(self, attempt: int) -> float:
        """Seconds until the next attempt after this one."""
        factor = 4 ** min(attempt - 1, GROWTH_STEPS_MAX) if self.is_growing else 1
        return self.delay_seconds * factor


GROWTH_STEPS_MAX = 5

_AGAIN_SOON = Fate(Action.RETRY, 1.0)
_NUMBER_AGAIN_SOON = _AGAIN_SOON._replace(parks=Parks.NUMBER)
_AGAIN_GROWING = Fate(Action.RETRY, 1.0, is_growing=True)
_PAIR_AGAIN_GROWING = _AGAIN_GROWING._replace(parks=Parks.PAIR)
_IN_A_MINUTE = Fate(Action.RETRY, 60.0, parks=Parks.NUMBER)
_IN_FIVE_MINUTES = Fate(Action.RETRY, 300.0, parks=Parks.NUMBER)
_IN_TEN_MINUTES = Fate(Action.RETRY, 600.0)
_IN_AN_HOUR = Fate(Action.RETRY, 3_600.0)
_IN_THREE_DAYS = Fate(Action.RETRY, 72 * 3_600.0)
# Nothing of this number or account will pass until a person acts: wait in the queue and call for help.
_NUMBER_ALERT = Fate(Action.RETRY, 60.0, is_alert=True, parks=Parks.NUMBER)
# The same, but Meta may mean only what costs money, or what the number writes first.
_MAILINGS_ALERT = _NUMBER_ALERT._replace(parks=Parks.MAILINGS)
_FINAL = Fate(Action.FAIL)
# Meta's servers failed in the middle: the message may be on its way.
_AMBIGUOUS = Fate(Action.UNKNOWN)

_NUMBER_ALERTS = (
    0, 190,  # the access token
    33, 131037, 131045, 133000, 133005, 133008, 133009, 133010,  # the number and its registration
    368, 131031, 141008, 141014,  # the account is restricted, locked or banned
    134102, 2593107, 2593108,  # onboarding
)  # fmt: skip
_MAILINGS_ALERTS = (
    3, 10, *range(200, 300), 131005,  # permissions
    131042, 131044, 134011,  # Meta gets no money, or terms are not accepted
    131048, 131064,  # quality limits
)  # fmt: skip
_FINALS = (
    100, 131008, 131009, 131051, 131055, 131062, 135000, 137000,  # the request
    130403, 130472, 130497, 131021, 131026, 131030, 131047, 131049, 131050, 131063,  # this person, or these people
    132000, 132001, 132005, 132007, 132008, 132012, 132016, 132018, 132068, 134100,  # the template or flow
    131052, 133006, *range(139000, 139007), 139100, 139101, 139102, 1752041, *range(2388012, 2388104),
    2388293, 2388299, 2494100,  # answers to other requests than sends
)  # fmt: skip
_FATES: dict[int, Fate] = {
    **dict.fromkeys((1, 2, 131000, 131016), _AMBIGUOUS),
    **dict.fromkeys(_NUMBER_ALERTS, _NUMBER_ALERT),
    **dict.fromkeys(_MAILINGS_ALERTS, _MAILINGS_ALERT),
    **dict.fromkeys(_FINALS, _FINAL),
    130429: _NUMBER_AGAIN_SOON,
    131056: _PAIR_AGAIN_GROWING,
    133004: _AGAIN_GROWING,
    **dict.fromkeys((131053, 139103), _AGAIN_SOON),
    **dict.fromkeys((4, 131057), _IN_A_MINUTE),
    **dict.fromkeys((80007, 133015), _IN_FIVE_MINUTES),
    134101: _IN_TEN_MINUTES,
    **dict.fromkeys((132015, 132069), _IN_AN_HOUR),
    133016: _IN_THREE_DAYS,
}

# Tried once or twice and then given up: the cause may be the file, not the moment. What Meta defers or throttles is
# tried until the message's own time is over.
_TRIES = {131053: 3}


def fate_of(code: int, attempt: int) -> Fate:
    """What becomes of a message after Graph error `code` at `attempt` (from 1); an unlisted code is ambiguous."""
    return _FINAL if attempt >= _TRIES.get(code, attempt + 1) else _FATES.get(code, _AMBIGUOUS)
