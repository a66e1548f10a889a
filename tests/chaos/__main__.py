"""`make chaos FAULTS=70 SEED=7 RATE=100 [FROM=N]`: strike under load, close the books, write var/chaos/latest.json.

Faults so far: processes killed with -9 and processes that stand still. Counts come from the sandbox's and the
receivers' own records; only the ledger is read from billing's database.
"""

import argparse
import asyncio
import contextlib
import json
import math
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from tests.chaos.plan import Fault, plan
from tests.chaos.stops import Stops
from tests.chaos.strike import strike
from tests.e2e.conftest import World, surroundings
from tests.e2e.harness.stacks import new_stack
from tests.e2e.harness.waiting import eventually
from tests.e2e.traffic import books
from tests.e2e.traffic.story import SETTLED_WITHIN_SECONDS, Traffic, traffic

DIRECTORY = Path("var/chaos")
ENDLESS = 10_000_000
LATENCY_MS = 150
MORE_AFTER_FAULTS = 200
TOP_UP = 1_000_000
# Meta's pair limit is one message in six seconds; a load above it would only wait.
SECONDS_PER_MESSAGE_TO_ONE = 8


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=70)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--from", dest="first", type=int, default=1)
    given = parser.parse_args()
    faults = plan(seed=given.seed, faults=given.faults, first=given.first)
    with new_stack(DIRECTORY / "stack") as stack:
        result = asyncio.run(_run(stack, faults, rate=given.rate))
    result = {"commit": _commit(), "seed": given.seed, **result}
    _write(result)
    Console().print_json(json.dumps(result))
    bad = ("lost", "sent_twice", "charged_twice", "sent_after_stop", "callbacks_missing", "cross_tenant", "stuck")
    return 1 if any(result[name] for name in bad) or result["ledger_sum"] else 0


async def _run(stack: Any, faults: list[Fault], *, rate: float) -> dict[str, Any]:
    began = time.monotonic()
    people = math.ceil(rate * SECONDS_PER_MESSAGE_TO_ONE)
    async with surroundings(stack) as world:
        other = await world.staff.open_tenant(top_up="10000.00")
        stops = Stops(other)
        async with traffic(world, count=ENDLESS, per_second=rate, top_up=TOP_UP, people=people) as running:
            await world.sandbox.scenario("*", latency_ms=LATENCY_MS)
            stopping = asyncio.create_task(stops.run())
            recovery, freezes = await _strike_all(stack, faults)
            stopping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await stopping
            running.load.finish(more=MORE_AFTER_FAULTS)
            found = await _settled(running)
            counts = await _count(world, running, stops, freezes)
        await other.callbacks.stop()
    return {
        "faults": len(faults),
        "seconds": round(time.monotonic() - began, 1),
        "accepted": len(found.answered) + len(stops.message_ids),
        **counts,
        "recovery_seconds": {
            "p50": round(statistics.median(recovery), 1) if recovery else 0.0,
            "max": round(max(recovery, default=0.0), 1),
        },
    }


async def _strike_all(stack: Any, faults: list[Fault]) -> tuple[list[float], list[tuple[datetime, datetime]]]:
    recovery, freezes = [], []
    with Progress() as progress:
        task = progress.add_task("faults", total=len(faults))
        for fault in faults:
            progress.update(task, description=f"{fault.number}: {fault}")
            seconds, frozen = await strike(stack, fault)
            recovery.append(seconds)
            freezes += [frozen] if frozen else []
            progress.advance(task)
            await asyncio.sleep(fault.pause_seconds)
    return recovery, freezes


async def _settled(running: Traffic) -> books.Records:
    async def probe() -> bool:
        found = await running.look()
        return len(found.answered) == running.load.count and not found.unsettled

    with contextlib.suppress(AssertionError):
        await eventually(probe, "everything is settled", seconds=SETTLED_WITHIN_SECONDS)
    return await running.look()


async def _count(
    world: World, running: Traffic, stops: Stops, freezes: list[tuple[datetime, datetime]]
) -> dict[str, Any]:
    found = await running.look()
    sends = await world.sandbox.sends(after=running.after)
    after_stop, after_stop_frozen = stops.sent_after(sends, freezes)
    ledger = await books.ledger(world, running.tenant)
    live = [one for one in found.unsettled if (await running.tenant.message(one))["state"] not in ("failed", "expired")]
    ours, theirs = set(found.answered), set(stops.message_ids)
    foreign = (set(found.told) & theirs) | {
        status["id"] for got in stops.tenant.callbacks.values for status in got.value.get("statuses", [])
    } & ours
    return {
        "lost": len(found.unsettled),
        "sent_twice": sum(1 for count in found.sends.values() if count > 1),
        "charged_twice": max(0, ledger.most_of_one - 1),
        "sent_after_stop": after_stop,
        "sent_after_stop_frozen": after_stop_frozen,
        "callbacks_missing": len(set(found.sends) - set(found.told)),
        "cross_tenant": len(foreign),
        "stuck": len(live),
        "ledger_sum": sum(ledger.balances.values()),
        "told_failed": len(found.failed),
        "stops": len(stops.at),
        "repeats": dict(running.load.repeats),
    }


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _write(result: dict[str, Any]) -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    fresh = DIRECTORY / "latest.json.new"
    fresh.write_text(json.dumps(result, indent=1))
    fresh.rename(DIRECTORY / "latest.json")


if __name__ == "__main__":
    sys.exit(main())
