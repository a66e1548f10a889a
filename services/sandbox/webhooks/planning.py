"""When each status of a send is reported, and in which order (hot path)."""

import random
import zlib
from collections.abc import Iterator, Sequence
from typing import Literal

from services.sandbox.sends.service import Plan
from services.sandbox.settings import DelaySettings
from services.sandbox.webhooks.envelope import FAILED

Order = Literal["as_given", "reversed", "shuffled"]


class Timetable:
    """Delays of the settings with their jitter, or those of the plan."""

    def __init__(self, delays: DelaySettings, seed: int) -> None:
        milliseconds = {"sent": delays.sent_ms, "delivered": delays.delivered_ms, "read": delays.read_ms}
        self._delays = {status: ms / 1000 for status, ms in milliseconds.items()}
        self._delays |= {FAILED: delays.delivered_ms / 1000, "played": delays.read_ms / 1000}
        self._jitter = delays.jitter
        self._seed = seed

    def offsets(self, plan: Plan, number: int) -> Iterator[float]:
        """Seconds after the acceptance, never decreasing, so that the order asked for is the order told."""
        offset = 0.0
        for position, status in enumerate(plan.statuses, start=1):
            if plan.status_delay_ms is not None:
                offset = position * plan.status_delay_ms / 1000
            else:
                chance = zlib.crc32(f"{self._seed}/{number}/{status}".encode()) / 2**32
                jitter = 1 + self._jitter * (2 * chance - 1)
                offset = max(offset, self._delays[status] * jitter)
            yield offset


def in_order(statuses: Sequence[str], order: Order, seed: str) -> tuple[str, ...]:
    """The statuses as they shall be told; the same seed shuffles them the same way."""
    if order == "reversed":
        return tuple(reversed(statuses))
    if order == "shuffled":
        chance = random.Random(seed)  # noqa: S311  # shuffles, and hides nothing
        return tuple(chance.sample(list(statuses), len(statuses)))
    return tuple(statuses)
