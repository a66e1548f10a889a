"""What a Graph error means for the message: again later, never, or nobody knows (whatsapp-cloud-api, section 4)."""

from enum import Enum
from typing import NamedTuple

CODE_UNKNOWN_OUTCOME = 131000


class Action(Enum):
    RETRY = "retry"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Fate(NamedTuple):
    """What to do after an error; `delay_seconds` grows with the attempt where `is_growing`."""

    action: Action
    delay_seconds: float = 0.0
    is_growing: bool = False
    is_alert: bool = False

    def delay(self, attempt: int) -> float:
        """Seconds until the next attempt after this one."""
        factor = min(4 ** (attempt - 1), GROWTH_MAX) if self.is_growing else 1
        return self.delay_seconds * factor


GROWTH_MAX = 4**5
ATTEMPTS_MAX = 12

_AGAIN_SOON = Fate(Action.RETRY, 1.0)
_AGAIN_GROWING = Fate(Action.RETRY, 1.0, is_growing=True)
_IN_A_MINUTE = Fate(Action.RETRY, 60.0)
_IN_FIVE_MINUTES = Fate(Action.RETRY, 300.0)
_IN_AN_HOUR = Fate(Action.RETRY, 3_600.0)
# Nothing of this number or account will pass until a person acts: wait in the queue and call for help.
_ALERT = Fate(Action.RETRY, 60.0, is_alert=True)
_FINAL = Fate(Action.FAIL)
# Meta's servers failed in the middle: the message may be on its way.
_AMBIGUOUS = Fate(Action.UNKNOWN)

_FATES: dict[int, Fate] = {
    **dict.fromkeys((1, 2, 131000, 131016), _AMBIGUOUS),
    **dict.fromkeys((0, 190, 3, 10, 131005, 131048, 131064, 368, 131031, 33, 131037, 131042, 131044), _ALERT),
    **dict.fromkeys((131045, 133010, 133006, 134011, 134102, 141008, 141014), _ALERT),
    **dict.fromkeys(range(200, 300), _ALERT),
    133004: _AGAIN_GROWING,
    130429: _AGAIN_SOON,
    131056: _AGAIN_GROWING,
    131057: _IN_A_MINUTE,
    131053: _AGAIN_SOON,
    4: _IN_A_MINUTE,
    80007: _IN_FIVE_MINUTES,
    133015: _IN_FIVE_MINUTES,
    134101: _IN_FIVE_MINUTES,
    132015: _IN_AN_HOUR,
    132069: _IN_AN_HOUR,
    **dict.fromkeys(
        (100, 130403, 130472, 130497, 131008, 131009, 135000, 131021, 131026, 131030, 131047, 131049),
        _FINAL,
    ),
    **dict.fromkeys(
        (131050, 131051, 131055, 131062, 131063, 132000, 132001, 132005, 132007, 132008, 132012, 132016),
        _FINAL,
    ),
    **dict.fromkeys((132018, 132068, 134100, 137000), _FINAL),
}  # fmt: skip

# Tried once or twice and then given up: the cause may be the file, not the moment.
_TRIES = {131053: 3, 131056: 7}


def fate_of(code: int, attempt: int) -> Fate:
    """What becomes of a message after Graph error `code` at `attempt` (from 1); an unlisted code is ambiguous."""
    fate = _FATES.get(code, _AMBIGUOUS)
    if fate.action is Action.RETRY and not fate.is_alert and attempt >= _TRIES.get(code, ATTEMPTS_MAX):
        return _FINAL
    return fate
