"""Meta's rates: messages a second of a number, and the pair limit of a number with one person (hot path)."""

from collections import OrderedDict
from collections.abc import Hashable

PAIR_PER_SECOND, PAIR_BURST = 1 / 6, 45.0  # `whatsapp-cloud-api.md`, 5.2
PAIRS_MAX = 500_000  # pairs remembered, some 150 bytes each; one not used for 270 s is full anyway
NUMBERS_MAX = 100_000
REGISTRATIONS_MAX, REGISTRATION_SECONDS = 10, 72 * 3600.0  # of one number: calls in so much time, 2.5
FULL_EPSILON = 1e-9  # floating-point crumbs never cost a message


class Buckets:
    """Token buckets in memory; the one not used for longest is forgotten first, and so full again."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._levels: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now: float, *, per_second: float, burst: float) -> bool:
        level, at = self._levels.get(key, (burst, now))
        level = min(burst, level + max(now - at, 0.0) * per_second)
        has_room = level + FULL_EPSILON >= 1.0
        self._levels[key] = (level - 1.0 if has_room else level, max(now, at))
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return has_room

    def forget(self) -> None:
        self._levels.clear()


class Limits:
    def __init__(self) -> None:
        self._pairs = Buckets(PAIRS_MAX)
        self._numbers = Buckets(NUMBERS_MAX)
        self._registrations: dict[str, list[float]] = {}  # of numbers that are registered here, which are bounded

    def takes_registration(self, phone_number_id: str, now: float) -> bool:
        """Whether the number may be registered or deregistered once more."""
        calls = [at for at in self._registrations.get(phone_number_id, []) if at > now - REGISTRATION_SECONDS]
        if len(calls) >= REGISTRATIONS_MAX:
            return False
        self._registrations[phone_number_id] = [*calls, now]
        return True

    def takes_from_number(self, phone_number_id: str, now: float, messages_per_second: int) -> bool:
        """Whether the number's messages a second leave room for this one, which is counted then."""
        rate = float(messages_per_second)
        return self._numbers.take(phone_number_id, now, per_second=rate, burst=rate)

    def takes_for_pair(self, phone_number_id: str, phone: str, now: float) -> bool:
        """Whether the pair limit leaves room: one message in 6 s, and up to 45 at once."""
        return self._pairs.take((phone_number_id, phone), now, per_second=PAIR_PER_SECOND, burst=PAIR_BURST)

    def forget(self) -> None:
        """As after a long silence."""
        self._pairs.forget()
        self._numbers.forget()
