"""A load, something that happens in the middle of it, and the proof that nobody noticed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually
from tests.e2e.traffic import books
from tests.e2e.traffic.books import Records
from tests.e2e.traffic.load import Load

TOP_UP = 10_000
PERSONS = 125
LATENCY_MS = 1_600
SETTLED_WITHIN_SECONDS = 120.0  # generous: an ambiguous send alone takes 20 s until it is told


@dataclass
class Traffic:
    """One tenant's load and its books."""

    world: World
    tenant: Tenant
    load: Load
    after: int

    async def look(self) -> Records:
        return await books.records(self.world, self.load, self.tenant, after=self.after)

    async def wait_settled(self) -> Records:
        """The records when every message has its last word and no money is held."""

        async def probe() -> Records:
            found = await self.look()
            assert not found.unsettled, f"{len(found.unsettled)} are not settled: {found.unsettled[:3]}"
            assert (await self.tenant.wallet())[1] == "0.00", "money is still held"
            return found

        found: Records = await eventually(probe, "everything is settled", seconds=SETTLED_WITHIN_SECONDS)
        return found

    async def check(self, found: Records) -> None:
        """None lost, none twice, and the ledger agrees to the kopeck."""
        assert len(found.answered) == len(set(found.answered)) == self.load.count
        assert found.unsettled == []
        assert [one for one, count in found.sends.items() if count > 1] == [], "sent twice"
        assert set(found.sends) <= set(found.answered), "sent, but its tenant knows no such message"
        assert found.reached == set(found.sends), "what Meta took is what the tenant was told as delivered"
        assert found.reached | found.failed == set(found.answered)
        assert [place for place, ids in found.event_ids.items() if len(ids) > 1] == [], "one fact under two event ids"
        await self._check_money(found)

    async def _check_money(self, found: Records) -> None:
        ledger = await books.ledger(self.world, self.tenant)
        captured = ledger.messages("capture", "late_capture")
        assert ledger.most_of_one <= 1, "charged twice"
        assert not ledger.messages("capture") & ledger.messages("late_capture"), "charged twice"
        assert captured == found.reached
        assert ledger.messages("reserve") <= set(found.answered)
        assert sum(ledger.balances.values()) == 0
        assert {name: micros for name, micros in ledger.balances.items() if micros} == {
            name: micros for name, micros in ledger.recomputed.items() if micros
        }
        assert ledger.balances["held"] == 0
        assert ledger.balances["revenue"] == len(captured) * books.PRICE_MICROS
        await books.wallet(self.tenant, top_up_micros=TOP_UP * 1_000_000, reached=len(captured))

    def report(self, title: str, found: Records) -> None:
        repeated = sum(len(told) - len(set(told)) for told in found.told.values())
        became = f"{len(found.reached)} delivered, {len(found.failed)} told failed, {len(found.unsettled)} lost"
        print(f"{title}: {len(found.answered)} answered, {sum(found.sends.values())} sent, {became}")
        print(f"  repeated posts {dict(self.load.repeats)}, callbacks {repeated}; last words {dict(found.histogram)}")


@asynccontextmanager
async def traffic(
    world: World, *, count: int, per_second: float, top_up: int = TOP_UP, people: int = PERSONS
) -> AsyncIterator[Traffic]:
    """A fresh tenant under load; the sandbox takes its time, so that messages are under way."""
    tenant = await world.staff.open_tenant(top_up=f"{top_up}.00", messages_per_second=400)
    persons = await _persons(tenant, people)
    after = await books.last_send(world)
    load = Load(tenant, persons, count=count, per_second=per_second)
    await world.sandbox.scenario("*", latency_ms=LATENCY_MS)
    running = asyncio.create_task(load.run())
    try:
        yield Traffic(world, tenant, load, after)
        await running
    finally:
        running.cancel()
        await world.sandbox.forget("*")
        await tenant.callbacks.stop()


async def _persons(tenant: Tenant, count: int) -> list[str]:
    gate = asyncio.Semaphore(10)

    async def one() -> str:
        async with gate:
            return await tenant.new_person()

    return list(await asyncio.gather(*(one() for _ in range(count))))


Happening = Callable[[Traffic], Awaitable[None]]


async def survive(world: World, title: str, happening: Happening, *, count: int, per_second: float) -> None:
    """Run a load, let something happen in the middle of it, and close the books."""
    async with traffic(world, count=count, per_second=per_second) as running:
        await happening(running)
        await eventually(
            lambda: len(running.load.answered) == running.load.count, "every message is answered", seconds=120
        )
        found = await running.wait_settled()
        running.report(title, found)
        await running.check(found)
