"""`make outage WHAT=kafka MINUTES=5 RATE=100`: a server is down under load -> var/soak/outage-kafka.json."""

import argparse
import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiokafka.errors import KafkaError
from rich.console import Console

from deploy.local import documents
from deploy.local.paths import VAR
from deploy.local.waiting import wait_until
from tests.bench import children, counting, generator, ledger, load
from tests.bench import run as bench
from tests.bench.children import Child
from tests.bench.command import stoppable, wide_console
from tests.bench.depths import Depths
from tests.bench.generator import Sent
from tests.bench.load import Called
from tests.bench.meta import Meta
from tests.bench.profiles import ProfiledStack
from tests.bench.progress import Phases
from tests.bench.receivers import Told
from tests.bench.sampler import Sample, Sampler
from tests.bench.seeding import Tenant
from tests.bench.standing import new_stack, restarts, standing
from tests.soak import outage_report
from tests.soak.outage_report import BEFORE_SECONDS, GONE_SECONDS, Seen, Wish
from tests.soak.probes import ANSWER_SECONDS, Prober
from tests.soak.run import forget

SERVERS = ("kafka", "postgres")
CALM_LOOKS = 3  # in a row at the level of before
KEYED_EVERY = 5
CONNECTIONS_MAX = 4_000  # a door that waits for a broker holds each answer for some seconds
PERSONS = 20_000
LINE_SECONDS = 30.0


def run(wish: Wish, console: Console) -> dict[str, Any]:
    """Return the result, which is also written; the stack is always stopped."""
    phases = Phases(console, line_every_seconds=LINE_SECONDS)
    stack = new_stack(wish.directory / "stack")
    try:
        with standing(stack, phases) as called:
            found = asyncio.run(_outage(wish, stack, called, phases))
    finally:
        forget(stack)
    documents.write(wish.directory / f"outage-{wish.what}.json", found)
    return found


async def _outage(wish: Wish, stack: ProfiledStack, called: Called, phases: Phases) -> dict[str, Any]:
    tenants = await bench.seed(stack, called, phases, rate=wish.rate, persons=PERSONS)
    accepted = children.counter()
    order = load.order(stack, tenants, wish.schedule, KEYED_EVERY)._replace(connections_max=CONNECTIONS_MAX)
    sender = Child("generator", generator.body, order, accepted)
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        sender.hear()
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            prober = Prober(stack, tenants[-1], session)
            return await _Run(wish, stack, tenants, called, phases, sender, accepted, prober).follow(session)
    finally:
        sender.end()


@dataclass
class _Run:
    wish: Wish
    stack: ProfiledStack
    tenants: list[Tenant]
    called: Called
    phases: Phases
    sender: Child
    accepted: children.Counter
    prober: Prober

    async def follow(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        meta, schedule = Meta(session, self.stack.url("sandbox")), self.wish.schedule
        heard_before = self.called.counters.inbound.value
        seen = Seen(start=time.monotonic() + load.START_IN_SECONDS)
        restarts_before = restarts(self.stack)
        self.sender.tell(seen.start)
        probing = asyncio.create_task(self.prober.run(schedule.end_seconds))
        sampler = await self._before(seen, meta)
        await self._down(seen)
        await self._up(seen, sampler)
        await probing
        seen.still_refused = await self.prober.repeat_refused()
        seen.restarts = restarts(self.stack) - restarts_before
        sent: Sent = await asyncio.to_thread(self.sender.hear, generator.ANSWERS_SECONDS + schedule.end_seconds)
        told = await self._settle(seen, sampler, sent)
        states = await load.ask(self.stack, self.tenants, sent, counting.unsettled(sent.ids, told.statuses))
        books = await ledger.read(self.stack.infrastructure.postgres.dsn("billing", "billing"))
        heard = self.called.counters.inbound.value - heard_before
        return outage_report.result(
            self.wish, seen, sent, told, meta=meta, prober=self.prober, states=states, books=books, heard=heard
        )

    async def _before(self, seen: Seen, meta: Meta) -> Sampler:
        async with Depths(*load.servers(self.stack)) as depths:
            sampler = await load.open_sampler(
                self.stack, self.sender, self.called, accepted=self.accepted, meta=meta, depths=depths
            )
            with self.phases.phase(f"sending {self.wish.rate:g} messages/s", BEFORE_SECONDS) as tell:
                begin = seen.start + self.wish.schedule.warm_up_seconds
                while (now := time.monotonic()) < begin + BEFORE_SECONDS:
                    left = _left(await sampler.look())
                    seen.level = max(seen.level, left) if now > begin else 0.0
                    tell(max(0.0, now - begin), f"left {left:g}")
                    await asyncio.sleep(1.0)
        return sampler

    async def _down(self, seen: Seen) -> None:
        """Down means stopped and held: the supervisor does not bring it back."""
        seconds = self.wish.minutes * 60
        seen.down_at = time.monotonic()
        await asyncio.to_thread(self.stack.hold, self.wish.what)
        stopped_at = time.monotonic()
        with self.phases.phase(f"{self.wish.what} is down", seconds) as tell:
            while (now := time.monotonic()) < stopped_at + seconds:
                statuses = Counter(one.status for one in self.prober.sends if one.at > stopped_at)
                tell(now - stopped_at, f"accepted {self.accepted.value}, probes {dict(statuses)}")
                await asyncio.sleep(1.0)
        seen.up_at = time.monotonic()
        await asyncio.to_thread(self.stack.release, self.wish.what)

    async def _up(self, seen: Seen, sampler: Sampler) -> None:
        with self.phases.phase("until the backlog is gone", GONE_SECONDS) as tell:
            await asyncio.to_thread(self._wait_for_the_server)
            seen.answering_at = time.monotonic()
            while seen.back_at is None and time.monotonic() < seen.up_at + GONE_SECONDS:
                try:
                    async with Depths(*load.servers(self.stack)) as sampler.depths:
                        await self._watch(seen, sampler, tell)
                except (asyncpg.PostgresError, KafkaError, OSError):
                    await asyncio.sleep(1.0)  # a group has no coordinator yet

    def _wait_for_the_server(self) -> None:
        servers, what = self.stack.infrastructure, self.wish.what
        server = servers.kafka if what == "kafka" else servers.postgres
        wait_until(server.ready, seconds=GONE_SECONDS, what=f"{what} did not come back",
                   detail=lambda: f"See {server.log}.", ending=threading.Event())  # fmt: skip

    async def _watch(self, seen: Seen, sampler: Sampler, tell: Any) -> None:
        calm = 0
        while (now := time.monotonic()) < seen.up_at + GONE_SECONDS and calm < CALM_LOOKS:
            left = _left(await sampler.look())
            seen.peak = max(seen.peak, left)
            calm = calm + 1 if left <= max(seen.level, self.wish.rate) else 0
            tell(now - seen.up_at, f"left {left:g}, was {seen.level:g}")
            await asyncio.sleep(1.0)
        if calm == CALM_LOOKS:
            seen.back_at = time.monotonic()

    async def _settle(self, seen: Seen, sampler: Sampler, sent: Sent) -> Told:
        expected, began = len(sent.ids) + len(self.prober.ids), time.monotonic()
        async with Depths(*load.servers(self.stack)) as sampler.depths:
            with self.phases.phase("waiting until all are settled", expected) as tell:
                await load.settle(sampler, self.called, expected, began + GONE_SECONDS, tell)
        seen.settled_seconds = time.monotonic() - began
        await asyncio.sleep(load.QUIET_SECONDS)
        await sampler.meta.read_sends()
        return await asyncio.to_thread(self.called.finish)


def _left(sample: Sample) -> float:
    """Rows that wait in queues, records that groups have not read, and what Meta and tenants have not got."""
    outside = ("sandbox.", "memory.")
    return sum(value for name, value in sample.series.items() if not name.startswith(outside))


def main(arguments: Sequence[str]) -> int:
    """0: the doors answered as documented, nothing was lost, and the backlog went; 1: the problems say what."""
    console, wish = wide_console(), _wish(arguments)
    with stoppable(console):
        found = run(wish, console)
    outage_report.show(console, found)
    console.print(f"written: {wish.directory / f'outage-{wish.what}.json'}", highlight=False)
    return 1 if found["problems"] else 0


def _wish(arguments: Sequence[str]) -> Wish:
    parser = argparse.ArgumentParser(prog="python -m tests.soak.outage", description=__doc__)
    parser.add_argument("--what", choices=SERVERS, default=SERVERS[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second")
    parser.add_argument("--dir", type=Path, default=VAR / "soak", help="where the stack and the result are kept")
    given = parser.parse_args(arguments)
    return Wish(directory=given.dir, what=given.what, minutes=given.minutes, rate=given.rate)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
