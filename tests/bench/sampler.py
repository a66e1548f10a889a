"""One look at a running stack: what is done, what is left, what it costs so far."""

import time
from dataclasses import dataclass, field

from tests.bench import processes
from tests.bench.children import Counter
from tests.bench.depths import Depths
from tests.bench.meta import Acks, Meta
from tests.bench.processes import Meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Everything counts from the beginning, so that two samples tell what happened between them.

    `series` is what could grow without end: queues, lags, memory, the work that is left.
    """

    at: float  # monotonic
    wall: float
    accepted: int
    sent: int
    updates: int
    webhook_posts: int
    told: int
    cpu: dict[str, float]
    harness_cpu: dict[str, float]
    memory: dict[str, float]
    machine: dict[str, float]
    acks: Acks
    series: dict[str, float] = field(default_factory=dict)

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent and updates that wait to be told."""
        return int(self.series["backlog"])


@dataclass
class Sampler:
    """Reads all sources; `accepted` and `facts` are counted by the generator and by the receivers."""

    meta: Meta
    depths: Depths
    stack: Meter
    harness: Meter
    accepted: Counter
    facts: Counter
    facts_before: int  # told before the load began
    updates_before: int
    samples: list[Sample] = field(default_factory=list)

    async def look(self) -> Sample:
        await self.meta.read_sends()
        webhooks, memory = await self.meta.counts(), self.stack.memory()
        accepted, sent = self.accepted.value, self.meta.went_out
        updates, told = webhooks.updates - self.updates_before, self.facts.value - self.facts_before
        series: dict[str, float] = {
            "backlog": max(0, accepted - sent) + max(0, updates - told),
            "sandbox.pending": webhooks.pending,
            **await self.depths.queues(),
            **await self.depths.lags(),
            **{f"memory.{name}": one.own for name, one in memory.items()},
        }
        sample = Sample(
            at=time.monotonic(), wall=time.time(), accepted=accepted, sent=sent, updates=updates,
            webhook_posts=webhooks.posts, told=told, cpu=self.stack.cpu_seconds(),
            harness_cpu=self.harness.cpu_seconds(), memory={name: sum(one) for name, one in memory.items()},
            machine=processes.machine(), acks=await self.meta.acks(), series=series,
        )  # fmt: skip
        self.samples.append(sample)
        return sample
