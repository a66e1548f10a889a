"""One soak from an empty directory to its result: start, seed, age, load, roll over, settle, judge, stop."""

import asyncio
import random
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from rich.console import Console

from deploy.local import documents
from deploy.local.errors import StackError
from tests.bench import ledger, load, result
from tests.bench import run as bench
from tests.bench.calibration import nanoseconds
from tests.bench.load import Called, Outcome
from tests.bench.profiles import ProfiledStack
from tests.bench.progress import Phases
from tests.bench.schedule import Schedule
from tests.bench.seeding import QUESTION, Tenant
from tests.bench.standing import LATENCY_MS, new_stack, restarts, standing
from tests.soak import aging, page, report
from tests.soak.rollover import Rollover, roll_over
from tests.soak.tables import Tables

LOOK_SECONDS, LOOKS_MIN = 15.0, 40
LINE_SECONDS = 60.0
KEYED_EVERY = 5  # messages: one in so many has an idempotency key
WRITING_PER_SECOND = 2.0  # people write all the while
ROLLOVER_SHARE = 0.5  # of the run
SPARE_SECONDS = 120.0  # keys of three days ago reach into the settling


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the caller asked for."""

    directory: Path
    minutes: float
    rate: float
    persons: int

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.rate, self.minutes * 60, bench.WARM_UP_SECONDS)

    @property
    def look_seconds(self) -> float:
        """Often enough for lines also where the run is short."""
        return min(LOOK_SECONDS, self.minutes * 60 / LOOKS_MIN)


def run(wish: Wish, console: Console) -> dict[str, Any]:
    """Return the result, which is also in latest.json and, to look at, latest.html; the stack is always stopped."""
    phases = Phases(console, line_every_seconds=LINE_SECONDS)
    stack = new_stack(wish.directory / "stack")
    try:
        with standing(stack, phases) as called:
            found = asyncio.run(_soak(wish, stack, called, phases))
    finally:
        forget(stack)
    documents.write(wish.directory / "latest.json", found)
    title = f"{wish.rate:g} messages/s for {wish.minutes:g} minutes"
    (wish.directory / "latest.html").write_text(page.render(title, found["series"], found["problems"]))
    return found


def forget(stack: ProfiledStack) -> None:
    """What the servers wrote in an hour is some twenty gigabytes; the logs stay."""
    for data in (stack.directory / "kafka", stack.infrastructure.postgres.data):
        shutil.rmtree(data, ignore_errors=True)


async def _soak(wish: Wish, stack: ProfiledStack, called: Called, phases: Phases) -> dict[str, Any]:
    calibration_ns = nanoseconds()
    tenants = await bench.seed(stack, called, phases, rate=wish.rate, persons=wish.persons)
    per_second, seconds = wish.rate / KEYED_EVERY, wish.schedule.end_seconds + SPARE_SECONDS
    with phases.phase("planting keys of three days ago"):
        await aging.plant_keys(stack, tenants[0].id, per_second=per_second, seconds=seconds)
    before = restarts(stack)
    outcome, rolled = await _load(wish, stack, tenants, called, phases)
    with phases.phase("counting"):
        books = await ledger.read(stack.infrastructure.postgres.dsn("billing", "billing"))
        setting = result.Setting(
            rate=wish.rate, tenants=tenants, calibration_ns=calibration_ns, latency_ms=LATENCY_MS,
            restarts=(restarts(stack) - before).total(), calibration_after_ns=nanoseconds(),
        )  # fmt: skip
        return _result(wish, outcome, rolled, result.build(outcome, setting, books))


async def _load(
    wish: Wish, stack: ProfiledStack, tenants: list[Tenant], called: Called, phases: Phases
) -> tuple[Outcome, Rollover]:
    postgres = stack.infrastructure.postgres
    disks = {"kafka": stack.directory / "kafka", "postgres_wal": postgres.data / "pg_wal"}
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as beside:
        rolling = beside.create_task(_roll_over(wish, stack, session))
        beside.create_task(_write(wish, stack, session, tenants))
        outcome = await load.run(
            stack, tenants, called, wish.schedule, phases, look_seconds=wish.look_seconds, keyed_every=KEYED_EVERY,
            measure=partial(Tables, disks=disks),
        )  # fmt: skip
        return outcome, await rolling


async def _roll_over(wish: Wish, stack: ProfiledStack, session: aiohttp.ClientSession) -> Rollover:
    """What breaks it is a problem of the result, not the end of the run."""
    await asyncio.sleep(wish.minutes * 60 * ROLLOVER_SHARE)
    try:
        return await roll_over(stack, session)
    except (asyncpg.PostgresError, aiohttp.ClientError, OSError, TimeoutError, StackError) as error:
        return Rollover(problems=[f"the roll-over broke: {type(error).__name__}: {error}"])


async def _write(wish: Wish, stack: ProfiledStack, session: aiohttp.ClientSession, tenants: list[Tenant]) -> None:
    """People write to those they wrote to before."""
    people = [pair for tenant in tenants for pair in tenant.shop.people_who_wrote()]
    chance, sandbox = random.Random(len(people)), stack.url("sandbox")
    for _ in range(int(wish.schedule.seconds * WRITING_PER_SECOND)):
        phone, number = chance.choice(people)
        body = {"text": QUESTION, "phone_number_id": number}
        async with session.post(f"{sandbox}/_sandbox/people/{phone[1:]}/messages", json=body) as answer:
            answer.raise_for_status()
        await asyncio.sleep(1 / WRITING_PER_SECOND)


def _result(wish: Wish, outcome: Outcome, rolled: Rollover, figures: dict[str, Any]) -> dict[str, Any]:
    """The bench's figures, the roll-over, and every series."""
    series = report.judged(outcome, persons=figures["persons"])
    told_again = sum(str(one) in outcome.told.statuses for one in rolled.moved)
    if told_again:
        rolled.problems.append(f"{told_again} messages of last month were told again")
    left_out = ("growing", "grew", "ceilings")  # a bench's rule and a bench's limits
    found = {name: value for name, value in figures.items() if name not in left_out}
    return {
        "minutes": wish.minutes,
        **found,
        "rollover": rolled.view(),
        "problems": [*report.offences(series), *rolled.problems, *_broken(figures)],
        "series": series,
    }


def _broken(figures: dict[str, Any]) -> list[str]:
    """The promises that no run may break."""
    promised = ("lost", "double_sent", "callbacks_missing", "ledger_sum", "restarts", "failures_told", "foreign_sends")
    found = [f"{name}: {figures[name]}" for name in promised if figures[name]]
    if wrong := figures["ledger"]["wrong_balances"]:
        found.append(f"{wrong} balances differ from their transfers")
    return found
