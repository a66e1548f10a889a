"""Which faults strike, in which order: the same seed gives the same plan."""

import random
from typing import NamedTuple

KILLED = ("gateway-api", "gateway-worker", "gateway-worker-2", "webhook-api", "consent-api", "consent-worker")
KILLED_TOO = ("billing-api", "billing-worker", "kafka", "postgres")
FROZEN = ("gateway-worker", "consent-worker", "billing-worker", "webhook-api", "consent-api")
FREEZE_SHARE = 0.3
FREEZE_SECONDS = (2.0, 15.0)
PAUSE_SECONDS = (0.5, 3.0)


class Fault(NamedTuple):
    """A process is killed with -9, or stands still for a while; then a pause until the next fault."""

    number: int
    process: str
    freeze_seconds: float
    pause_seconds: float

    @property
    def is_freeze(self) -> bool:
        return self.freeze_seconds > 0

    def __str__(self) -> str:
        return f"freeze {self.process} {self.freeze_seconds:.1f} s" if self.is_freeze else f"kill {self.process}"


def plan(*, seed: int, faults: int, first: int = 1) -> list[Fault]:
    """Faults `first` to `faults` of the seed's endless list."""
    chance = random.Random(seed)
    return [_fault(chance, number) for number in range(1, faults + 1)][first - 1 :]


def _fault(chance: random.Random, number: int) -> Fault:
    is_freeze = chance.random() < FREEZE_SHARE
    process = chance.choice(FROZEN if is_freeze else (*KILLED, *KILLED_TOO))
    seconds = chance.uniform(*FREEZE_SECONDS)
    return Fault(number, process, seconds if is_freeze else 0.0, chance.uniform(*PAUSE_SECONDS))
