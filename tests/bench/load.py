"""The load itself: generator and receivers at work, samples once a second, then the wait until everything is told."""

import asyncio
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import aiohttp

from deploy.local.errors import StackError
from deploy.local.secrets import DATABASES
from tests.bench import children, generator, receivers
from tests.bench.children import Child
from tests.bench.counting import unsettled
from tests.bench.depths import Depths
from tests.bench.generator import Sent
from tests.bench.meta import Meta
from tests.bench.processes import Meter
from tests.bench.profiles import ProfiledStack as Stack
from tests.bench.progress import Phases, Tell
from tests.bench.receivers import Counters, Told
from tests.bench.sampler import Sample, Sampler
from tests.bench.schedule import Schedule
from tests.bench.seeding import Tenant

START_IN_SECONDS = 1.0
LOOK_SECONDS = 1.0
SETTLE_SECONDS = 60.0  # interfaces.md: lost is what is not settled 60 s after the load's end
QUIET_SECONDS = 2.0  # for repeated callbacks that are still on their way when everything is settled
ASKED_AT_ONCE = 8
ASKED_MAX = 20_000  # more unsettled messages than that are all counted as lost without asking
ASKED_SECONDS = 60.0  # an overloaded stack would take minutes to say that it has lost nothing
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was seen."""

    schedule: Schedule
    sent: Sent
    told: Told
    meta: Meta
    samples: list[Sample]
    window: tuple[Sample, Sample]  # the looks that begin and end it
    states: dict[str, str]  # of messages that no callback settled
    settled_after_seconds: float


class Called:
    """The receivers' process and its counters."""

    def __init__(self) -> None:
        self.counters = Counters(children.counter(), children.counter(), children.counter())
        self.child = Child("receivers", receivers.body, self.counters)
        self.port: int = self.child.hear()

    def finish(self) -> Told:
        self.child.tell("finish")
        told: Told = self.child.hear()
        return told


@contextmanager
def receiving() -> Iterator[Called]:
    """Receivers that end with the block."""
    called = Called()
    try:
        yield called
    finally:
        called.child.end()


async def wait_for_windows(called: Called, count: int, tell: Tell) -> None:
    """Every person's message has reached its tenant, so consent knows of the window as well."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (known := called.counters.inbound.value) < count:
        tell(known, "")
        if time.monotonic() > deadline:
            raise StackError(f"{known} of {count} messages of people reached their tenants: see the logs.")
        await asyncio.sleep(0.1)


async def run(
    stack: Stack,
    tenants: list[Tenant],
    called: Called,
    schedule: Schedule,
    phases: Phases,
    *,
    look_seconds: float = LOOK_SECONDS,
    keyed_every: int = 0,
    measure: Callable[[Mapping[str, str], str], Depths] = Depths,
) -> Outcome:
    """Send the schedule and follow it to its end; each `keyed_every`-th message has an idempotency key."""
    accepted = children.counter()
    sender = Child("generator", generator.body, order(stack, tenants, schedule, keyed_every), accepted)
    try:
        sender.hear()
        async with aiohttp.ClientSession() as session, measure(*servers(stack)) as depths:
            meta = Meta(session, stack.url("sandbox"))
            sampler = await open_sampler(stack, sender, called, accepted=accepted, meta=meta, depths=depths)
            return await _Run(sampler, sender, called, schedule, phases, look_seconds).follow(stack, tenants)
    finally:
        sender.end()


async def open_sampler(
    stack: Stack, sender: Child, called: Called, *, accepted: children.Counter, meta: Meta, depths: Depths
) -> Sampler:
    """Counts from now on."""
    return Sampler(
        meta=meta, depths=depths, stack=Meter(row for row in stack.processes if row["name"] != "sandbox-api"),
        harness=Meter(_harness(stack, sender, called)), accepted=accepted, facts=called.counters.facts,
        facts_before=called.counters.facts.value, updates_before=(await meta.counts()).updates,
    )  # fmt: skip


def order(stack: Stack, tenants: list[Tenant], schedule: Schedule, keyed_every: int) -> generator.Order:
    """What the generator is to do."""
    shops, keys = [tenant.shop for tenant in tenants], [tenant.api_key for tenant in tenants]
    return generator.Order(stack.url("gateway"), shops, keys, schedule, keyed_every)


def servers(stack: Stack) -> tuple[dict[str, str], str]:
    """Where `Depths` looks: each service's database, and Kafka."""
    postgres = stack.infrastructure.postgres
    return {name: postgres.dsn("postgres", name) for name in DATABASES}, stack.infrastructure.kafka.bootstrap


def _harness(stack: Stack, sender: Child, called: Called) -> list[dict[str, object]]:
    """What belongs to the bench and not to Vestnik."""
    sandbox = [row for row in stack.processes if row["name"] == "sandbox-api"]
    own = {"generator": sender.pid, "receivers": called.child.pid, "bench": os.getpid()}
    return [*sandbox, *({"name": name, "pid": pid} for name, pid in own.items())]


@dataclass
class _Run:
    sampler: Sampler
    sender: Child
    called: Called
    schedule: Schedule
    phases: Phases
    look_seconds: float

    async def follow(self, stack: Stack, tenants: list[Tenant]) -> Outcome:
        schedule, start = self.schedule, time.monotonic() + START_IN_SECONDS
        self.sender.tell(start)
        with self.phases.phase("warming up", schedule.warm_up_seconds) as tell:
            await self._look_until(start, start + schedule.warm_up_seconds, tell)
        await asyncio.to_thread(stack.begin)
        self.sampler.harness.add(stack.spies)
        begin = await self.sampler.look()
        with self.phases.phase(f"sending {schedule.rate:g} messages/s", schedule.seconds) as tell:
            end = await self._look_until(begin.at, begin.at + schedule.seconds, tell)
        ended_at, inside = time.monotonic(), list(self.sampler.samples)
        await asyncio.to_thread(stack.end)
        sent: Sent = await asyncio.to_thread(self.sender.hear, generator.ANSWERS_SECONDS + children.RESULT_SECONDS)
        with self.phases.phase("waiting until all are settled", len(sent.ids)) as tell:
            await settle(self.sampler, self.called, len(sent.ids), ended_at + SETTLE_SECONDS, tell)
        settled_after = time.monotonic() - ended_at
        await asyncio.sleep(QUIET_SECONDS)
        await self.sampler.meta.read_sends()
        told = await asyncio.to_thread(self.called.finish)
        states = await ask(stack, tenants, sent, unsettled(sent.ids, told.statuses))
        return Outcome(schedule, sent, told, self.sampler.meta, inside, (begin, end), states, settled_after)

    async def _look_until(self, begin: float, until: float, tell: Tell) -> Sample:
        """One look each `look_seconds`, the last one exactly at the end."""
        due = begin
        while True:
            due = min(due + self.look_seconds, until)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            sample = await self.sampler.look()
            tell(min(due, until) - begin, self._note(sample))
            if due >= until:
                return sample

    def _note(self, sample: Sample) -> str:
        samples = self.sampler.samples
        if len(samples) < 2:
            return ""
        before = samples[-2]
        per_second = (sample.sent - before.sent) / (sample.at - before.at)
        return f"sent {per_second:.0f}/s, accepted {sample.accepted}, left {sample.backlog}"


async def settle(sampler: Sampler, called: Called, expected: int, deadline: float, tell: Tell) -> None:
    """Until every accepted message ended and every update was told, or the time is over."""
    while time.monotonic() < deadline:
        sample = await sampler.look()
        ended = called.counters.ended.value
        tell(ended, f"left {sample.backlog}")
        if ended >= expected and sample.backlog == 0 and sample.series["sandbox.pending"] == 0:
            return
        await asyncio.sleep(0.5)


async def ask(stack: Stack, tenants: list[Tenant], sent: Sent, ids: Collection[str]) -> dict[str, str]:
    """The state of messages that no callback settled, as their tenants are told it: of as many as time allows."""
    deadline = time.monotonic() + ASKED_SECONDS
    shops = dict(zip(sent.ids, sent.shops, strict=True))
    waiting, states = list(ids)[:ASKED_MAX], dict[str, str]()

    async def work(session: aiohttp.ClientSession) -> None:
        while waiting and time.monotonic() < deadline:
            message_id = waiting.pop()
            headers = {"Authorization": f"Bearer {tenants[shops[message_id]].api_key}"}
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{stack.url('gateway')}/v1/messages/{message_id}", headers=headers) as answer:
                    if answer.status == 200:
                        states[message_id] = str((await answer.json())["state"])

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as session:
        await asyncio.gather(*(work(session) for _ in range(ASKED_AT_ONCE)))
    return states
