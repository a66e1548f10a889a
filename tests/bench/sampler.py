"""Looks at a running stack once a second, from a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp

from tests.bench import processes
from tests.bench.children import Counter
from tests.bench.depths import Depths
from tests.bench.meta import Acks, Counts, Meta
from tests.bench.processes import Meter

EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sources:
    """What is looked at; the counters are written by the generator and by the receivers."""

    sandbox: str
    dsns: Mapping[str, str]
    kafka: str
    meter: Meter
    harness: Meter
    accepted: Counter
    facts: Counter
    facts_before: int  # told before the load: they are not this load's


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look. `series` is what could grow: queues, lags, memory, the work that is left."""

    at: float  # monotonic
    wall: float
    accepted: int
    sent: int
    updates: int
    webhook_posts: int
    told: int
    backlog: int
    cpu: dict[str, float]
    harness_cpu: dict[str, float]
    memory: dict[str, float]
    machine: dict[str, float]
    acks: Acks
    series: dict[str, float] = field(default_factory=dict)


class Sampler:
    """`with Sampler(...)`: samples are added to `samples` until the block ends; a failure is raised there."""

    def __init__(self, sources: Sources, on_sample: Callable[[Sample], None] = lambda _sample: None) -> None:
        self.samples: list[Sample] = []
        self.sends = Meta(session=None, url=sources.sandbox).sends  # type: ignore[arg-type]  # replaced by the thread
        self._sources = sources
        self._on_sample = on_sample
        self._ending = threading.Event()
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
