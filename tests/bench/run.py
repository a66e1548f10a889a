"""One run from an empty directory to the result: start, seed, load, settle, count, stop."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from deploy.local import documents
from tests.bench import calibration, ceilings, consents, directory, ledger, load, population, result, seeding
from tests.bench.load import Called, Outcome
from tests.bench.population import Shop
from tests.bench.profiles import ProfiledStack
from tests.bench.progress import Phases, Tell
from tests.bench.schedule import Schedule
from tests.bench.seeding import Tenant
from tests.bench.standing import LATENCY_MS, new_stack, restarts

WARM_UP_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asked for."""

    directory: Path
    rate: float
    seconds: float
    persons: int = population.PERSONS
    copies: Mapping[str, int] = field(default_factory=dict)
    profiled: Sequence[str] = ()


def run(wish: Wish, console: Console) -> dict[str, Any]:
    """Return the result, which is also in latest.json; the stack is stopped however this ends."""
    phases = Phases(console)
    stack = new_stack(wish.directory, profiled=wish.profiled, copies=wish.copies)
    with phases.phase("calibrating"):
        calibration_ns = calibration.nanoseconds()
    try:
        with phases.phase("starting a stack of its own") as tell:
            stack.report = lambda step: tell(0, step)
            stack.start()
        found = _measure(wish, stack, phases, calibration_ns)
    finally:
        with phases.phase("stopping it"):
            stack.stop()
    documents.write(wish.directory / directory.RESULT, found)
    return found


def _measure(wish: Wish, stack: ProfiledStack, phases: Phases, calibration_ns: float) -> dict[str, Any]:
    with phases.phase("measuring what the machine gives without Vestnik"):
        highest = asyncio.run(ceilings.measure(stack))
    with load.receiving() as called:
        tenants = asyncio.run(seed(stack, called, phases, rate=wish.rate, persons=wish.persons))
        before = restarts(stack)
        schedule = Schedule(wish.rate, wish.seconds, WARM_UP_SECONDS)
        outcome: Outcome = asyncio.run(load.run(stack, tenants, called, schedule, phases))
    with phases.phase("counting"):
        books = asyncio.run(ledger.read(stack.infrastructure.postgres.dsn("billing", "billing")))
        setting = result.Setting(
            rate=wish.rate, tenants=tenants, calibration_ns=calibration_ns, latency_ms=LATENCY_MS, ceilings=highest,
            restarts=(restarts(stack) - before).total(), calibration_after_ns=calibration.nanoseconds(),
        )  # fmt: skip
        return result.build(outcome, setting, books)


async def bring_in(stack: ProfiledStack, shops: list[Shop], called: Called, tell: Tell) -> list[Tenant]:
    """Few tenants at once: open, with consents, and with the windows of all who wrote."""
    tenants = await seeding.open_shops(stack, shops, called.port, tell)
    await consents.give_all(stack, tenants, tell)
    wrote = await seeding.let_people_write(stack, shops, tell)
    await load.wait_for_windows(called, wrote, tell)
    return tenants


async def seed(
    stack: ProfiledStack, called: Called, phases: Phases, *, rate: float, persons: int = population.PERSONS
) -> list[Tenant]:
    """Bring in everybody who takes part in the load."""
    shops = population.population(rate=rate, persons=persons)
    with phases.phase(f"opening {len(shops)} tenants", len(shops)) as tell:
        tenants = await seeding.open_shops(stack, shops, called.port, tell)
    people = sum(shop.persons for shop in shops)
    with phases.phase(f"recording {people} consents", people) as tell:
        await consents.give_all(stack, tenants, tell)
    wrote = sum(shop.wrote for shop in shops)
    with phases.phase(f"letting {wrote} people write", wrote) as tell:
        await seeding.let_people_write(stack, shops, tell)
    with phases.phase("waiting for their windows", wrote) as tell:
        await load.wait_for_windows(called, wrote, tell)
    return tenants
