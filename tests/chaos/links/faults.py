"""The faults a link can have, as a plan writes them down: drawn from a seed, readable, compared by value."""

import random
from dataclasses import dataclass

from tests.chaos.links import rules

LATENCY = "latency"
RESET = "reset"
BLACKHOLE = "blackhole"
HALF_OPEN = "half_open"
CUT_AFTER = "cut_after"
KINDS = (LATENCY, RESET, BLACKHOLE, HALF_OPEN, CUT_AFTER)
LATENCY_SECONDS = (0.2, 1.5)  # each way
ANSWER_BYTES = (1, 4000)  # from the middle of the first answer to some way into the work


@dataclass(frozen=True)
class LinkFault:
    """One fault; a kind reads only the fields that are its own."""

    kind: str
    seconds: float = 0.5  # latency: each way
    count: int = 200  # cut_after: bytes of the server's answers on one connection
    cuts_client: bool = False  # half_open: which side is cut; the other one is not told
    resets: bool = False  # blackhole: its connections are reset at the end instead of going on

    def rule(self) -> rules.Clear:
        """A new rule that does it."""
        if self.kind == LATENCY:
            return rules.Latency(self.seconds)
        if self.kind == RESET:
            return rules.Reset()
        if self.kind == BLACKHOLE:
            return rules.Blackhole(resets=self.resets)
        if self.kind == HALF_OPEN:
            return rules.HalfOpen(cuts_client=self.cuts_client)
        if self.kind == CUT_AFTER:
            return rules.CutAfter(self.count)
        raise ValueError(f"no such fault of a link: {self.kind}")

    def __str__(self) -> str:
        details = {
            LATENCY: f"{self.seconds:.2f} s",
            BLACKHOLE: "then reset" if self.resets else "then on",
            HALF_OPEN: f"{'client' if self.cuts_client else 'server'} cut",
            CUT_AFTER: f"{self.count} bytes",
        }
        return f"{self.kind} {details.get(self.kind, '')}".rstrip()


def drawn(chance: random.Random, kind: str) -> LinkFault:
    """A fault of this kind, the rest from the seed."""
    seconds, count = chance.uniform(*LATENCY_SECONDS), chance.randint(*ANSWER_BYTES)
    return LinkFault(kind, seconds, count, cuts_client=chance.random() < 0.5, resets=chance.random() < 0.5)
