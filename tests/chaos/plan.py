"""Which faults strike, in which order: the same seed gives the same plan."""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from tests.chaos.links.faults import BLACKHOLE, HALF_OPEN, KINDS, LATENCY, LinkFault, drawn
from tests.chaos.links.links import META, NAMES

Card = TypeVar("Card")
# Faults are dealt like cards: each ten hold the same kinds, and no target comes again before all have come.
HAND = (*["kill"] * 3, *["freeze"] * 2, *["link"] * 4, "rare")
PROCESSES = (
    "gateway-api", "gateway-worker", "gateway-worker-2", "webhook-api", "consent-api", "consent-worker",
    "billing-api", "billing-worker", "kafka", "postgres",
)  # fmt: skip
DELAYING = (LATENCY, BLACKHOLE, HALF_OPEN)
RARE = (
    ("rolling_restart", "services"),
    ("read_only", "postgres"),
    ("member", "gateway-worker"),
    ("member", "consent-worker"),
    ("member", "billing-worker"),
)
SECONDS = {
    "kill": (0.0, 0.0),
    "freeze": (2.0, 20.0),
    "link": (3.0, 15.0),
    "rolling_restart": (0.0, 0.0),
    "member": (3.0, 10.0),
    "read_only": (30.0, 30.0),
}
JOINS_SHARE = 0.6
AT_ONCE = 3
LATER_SECONDS = (0.2, 3.0)
PAUSE_SECONDS = (0.5, 2.0)


class Fault(NamedTuple):
    """What happens to whom for how long; with `later_seconds` it strikes so long after the fault before it."""

    number: int
    kind: str
    target: str
    link_fault: LinkFault | None
    seconds: float
    later_seconds: float | None
    pause_seconds: float

    @property
    def name(self) -> str:
        lasts = f" {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.link_fault or self.kind} {self.target}{lasts}"

    @property
    def freezes_meta(self) -> bool:
        """A gateway worker, or its link to Meta, stands still or is slow."""
        worker = self.kind == "freeze" and self.target.startswith("gateway-worker")
        return worker or (self.target == META and self.link_fault is not None and self.link_fault.kind in DELAYING)


def plan(*, seed: int, faults: int, first: int = 1, longest_seconds: float = 30.0) -> list[Fault]:
    """Faults `first` to `faults` of the seed's endless list; none lasts longer than `longest_seconds`."""
    drawn = itertools.islice(_endless(random.Random(seed)), faults)
    return [one._replace(seconds=min(one.seconds, longest_seconds)) for one in drawn][first - 1 :]


def waves(faults: Sequence[Fault]) -> Iterator[list[Fault]]:
    """The faults that strike together."""
    wave: list[Fault] = []
    for fault in faults:
        if wave and fault.later_seconds is None:
            yield wave
            wave = []
        wave.append(fault)
    if wave:
        yield wave


def _endless(chance: random.Random) -> Iterator[Fault]:
    wave: list[str] = []
    for number, (kind, target, link_fault) in enumerate(_struck(chance), start=1):
        joins = chance.random() < JOINS_SHARE and 0 < len(wave) < AT_ONCE and target not in wave
        wave = [*wave, target] if joins else [target]
        yield Fault(
            number=number,
            kind=kind,
            target=target,
            link_fault=link_fault,
            seconds=chance.uniform(*SECONDS[kind]),
            later_seconds=chance.uniform(*LATER_SECONDS) if joins else None,
            pause_seconds=chance.uniform(*PAUSE_SECONDS),
        )


def _struck(chance: random.Random) -> Iterator[tuple[str, str, LinkFault | None]]:
    kills, freezes = _dealt(chance, PROCESSES), _dealt(chance, PROCESSES)
    links = _dealt(chance, tuple(itertools.product(NAMES, KINDS)))
    rare = _dealt(chance, RARE)
    for kind in _dealt(chance, HAND):
        if kind == "link":
            name, how = next(links)
            yield kind, name, drawn(chance, how)
        elif kind == "rare":
            yield *next(rare), None
        else:
            yield kind, next(kills if kind == "kill" else freezes), None


def _dealt(chance: random.Random, cards: Sequence[Card]) -> Iterator[Card]:
    """Every card comes once before any comes again."""
    while True:
        yield from chance.sample(cards, len(cards))
