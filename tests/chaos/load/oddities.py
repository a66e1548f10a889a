"""How Meta misbehaves: towards single persons all the while, and towards everybody in short storms."""

import asyncio
import random
from typing import Any, NamedTuple

from tests.chaos.load.pace import waited
from tests.e2e.harness.sandbox import Sandbox

ODD_SHARE = 0.35
LATENCY_MS = 150
EVERYBODY = "*"
STORM_CODES = (130429, 131056, 131000, 131016)  # too many, too many to this person, and twice HTTP 500
STORM_SECONDS, CALM_SECONDS = (1.0, 2.0), (10.0, 20.0)


class Oddity(NamedTuple):
    """What happens to the sends to one person (services/sandbox/scenarios/schemas.py); `is_silent`: nothing final."""

    name: str
    scenario: dict[str, Any]

    @property
    def is_silent(self) -> bool:
        return not {"delivered", "read", "failed"} & set(self.scenario.get("statuses", ("read",)))


ORDINARY = Oddity("ordinary", {})


def draw(chance: random.Random) -> Oddity:
    """Most people are ordinary; storms meet only them."""
    if chance.random() >= ODD_SHARE:
        return ORDINARY
    oddities = (
        # It went out, and there is no answer: only a status can tell.
        Oddity("hangs", {"hang_ms": chance.choice((1_500, 4_000, 12_000))}),
        Oddity("dropped after", {"drop": "after"}),
        Oddity("bad gateway, accepted", {"html_502": True, "html_502_accepted": True}),
        # It did not go out, and nobody says so.
        Oddity("dropped before", {"drop": "before"}),
        Oddity("bad gateway", {"html_502": True}),
        # Answered, and little or nothing reported.
        Oddity("silent", {"statuses": []}),
        Oddity("only sent", {"statuses": ["sent"]}),
        Oddity("dropped and silent", {"drop": "after", "statuses": []}),
        Oddity("fails", {"fail_code": 131026}),
        # Reported strangely; the order is written out, so that the sandbox's record has it as it is told.
        Oddity("reversed", {"statuses": ["read", "delivered", "sent"], "status_delay_ms": 100}),
        Oddity("shuffled", {"statuses": chance.sample(["sent", "delivered", "read"], 3), "status_delay_ms": 100}),
        Oddity("duplicate", {"duplicate": chance.randint(2, 4)}),
        Oddity("redelivered", {"redeliver": [0.5, 4.0]}),
        Oddity("late", {"status_delay_ms": chance.randint(2_000, 8_000) // 3}),
    )
    return chance.choice(oddities)


async def storms(sandbox: Sandbox, seed: int, stop: asyncio.Event) -> None:
    """Every quarter of a minute or so all ordinary sends are refused for a second or two."""
    chance = random.Random(f"{seed}/storms")
    await sandbox.scenario(EVERYBODY, latency_ms=LATENCY_MS)
    while not await waited(stop, chance.uniform(*CALM_SECONDS)):
        await sandbox.scenario(EVERYBODY, latency_ms=LATENCY_MS, refuse_code=chance.choice(STORM_CODES))
        await waited(stop, chance.uniform(*STORM_SECONDS))
        await sandbox.scenario(EVERYBODY, latency_ms=LATENCY_MS)
