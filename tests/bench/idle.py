"""`make idle`: what a stack costs that nobody uses, and how soon a single message of it reaches Meta."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from rich.console import Console
from rich.table import Table

from deploy.local import documents
from deploy.local.paths import VAR
from tests.bench import calibration, directory, load
from tests.bench.command import stoppable
from tests.bench.figures import milliseconds
from tests.bench.meta import Meta
from tests.bench.population import SMALL_PER_SECOND, Shop
from tests.bench.processes import Meter, machine
from tests.bench.profiles import CHOICES, ProfiledStack
from tests.bench.progress import Phases
from tests.bench.replies import Replies, alone, seconds_to_graph
from tests.bench.run import bring_in
from tests.bench.seeding import Tenant
from tests.bench.standing import new_stack, standing
from tests.bench.table import OTHER_CORES_MAX

PEOPLE = 60
SETTLE_SECONDS = 20.0  # what seeding has begun ends: callbacks, commits of offsets, the first vacuum
ANSWERS_PER_SECOND, ANSWERS_SECONDS = 1.7, 30.0  # at no multiple of any timer
CORES_MAX = 0.15
P50_MS_MAX = 50.0


class Wish(NamedTuple):
    """What the caller asked for."""

    directory: Path
    seconds: float
    profiled: Sequence[str]


def run(wish: Wish, console: Console) -> dict[str, Any]:
    """Measure on a stack of its own; the result is also in latest.json."""
    phases = Phases(console)
    stack = new_stack(wish.directory, profiled=wish.profiled, log_level="INFO")
    with standing(stack, phases) as called:
        found = asyncio.run(_measure(wish, stack, called, phases))
    documents.write(wish.directory / directory.RESULT, found)
    return found


async def _measure(wish: Wish, stack: ProfiledStack, called: load.Called, phases: Phases) -> dict[str, Any]:
    tenant = await _seed(stack, called, phases)
    await _pass(phases, "letting it come to rest", SETTLE_SECONDS)
    cores, other_cores = await _cores(wish, stack, phases)
    stream = Replies(tenant, ANSWERS_PER_SECOND)
    watching = _pass(phases, "answering one person at a time", ANSWERS_SECONDS)
    answered = await alone(stream, stack.url("gateway"), watching)
    async with aiohttp.ClientSession() as session:
        meta = Meta(session, stack.url("sandbox"))
        await meta.read_sends()
    arrived = {send.message_id: send.at for send in meta.sends}
    seconds = seconds_to_graph(stream.sent, arrived, *answered)
    return {
        "seconds": wish.seconds,
        "cores": {"total": round(sum(cores.values()), 4), "by_process": cores},
        "other_cores": other_cores,
        "intention_to_graph_ms": milliseconds(seconds),
        "answers": len(seconds),
        "calibration_ns": calibration.nanoseconds(),
    }


async def _cores(wish: Wish, stack: ProfiledStack, phases: Phases) -> tuple[dict[str, float], float]:
    """Of a core, by process (the one that watches over the others is this one); and what other programs used."""
    meter = Meter(stack.processes)
    before, watching, began, unused = meter.cpu_seconds(), time.process_time(), time.monotonic(), machine()
    await asyncio.to_thread(stack.begin)
    await _pass(phases, "looking on", wish.seconds)
    after, watched, took, left = meter.cpu_seconds(), time.process_time(), time.monotonic() - began, machine()
    await asyncio.to_thread(stack.end)
    spent = {name: after[name] - before[name] for name in after} | {"supervisor": watched - watching}
    cores = {name: round(seconds / took, 4) for name, seconds in sorted(spent.items(), key=lambda item: -item[1])}
    unused_cores = sum(left[kind] - unused[kind] for kind in unused) / took
    return cores, round(max(0.0, (os.cpu_count() or 1) - unused_cores - sum(cores.values())), 2)


async def _seed(stack: ProfiledStack, called: load.Called, phases: Phases) -> Tenant:
    shops = [Shop("Пекарня", 1.0, ("100000010000000",), SMALL_PER_SECOND, 0, PEOPLE, PEOPLE)]
    with phases.phase("opening a tenant, letting people write") as tell:
        return (await bring_in(stack, shops, called, tell))[0]


async def _pass(phases: Phases, what: str, seconds: float) -> None:
    with phases.phase(what):
        await asyncio.sleep(seconds)


def show(console: Console, result: dict[str, Any]) -> None:
    """A row a process, the answers, and what is missed of the goals."""
    table = Table("process", "of a core", title=f"idle for {result['seconds']:g} s")
    for name, cores in result["cores"]["by_process"].items():
        table.add_row(name, f"{cores:.4f}")
    table.add_row("all", f"{result['cores']['total']:.4f}", style="bold")
    console.print(table)
    times = ", ".join(f"{name} {value}" for name, value in result["intention_to_graph_ms"].items())
    console.print(f"{result['answers']} single answers, from the intention to Meta: {times} ms", highlight=False)
    for goal in missed(result):
        console.print(f"[red]✗[/] {goal}", highlight=False)


def missed(result: dict[str, Any]) -> list[str]:
    """The goals that are not reached."""
    found, median = [], result["intention_to_graph_ms"]["p50"]
    if result["cores"]["total"] > CORES_MAX:
        found.append(f"the idle stack takes more than {CORES_MAX} of a core")
    if median is None or median > P50_MS_MAX:
        found.append(f"half of the answers take longer than {P50_MS_MAX:g} ms")
    if found and result["other_cores"] > OTHER_CORES_MAX:
        found.append(f"but other programs used {result['other_cores']} cores: measure again on a quiet machine")
    return found


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the idle stack is looked at")
    parser.add_argument("--profile", nargs="+", default=(), metavar="NAME", choices=CHOICES,
                        help="what these processes do meanwhile (costs some itself)")  # fmt: skip
    parser.add_argument("--dir", type=Path, default=VAR / "bench-idle", help="where the stack keeps everything")
    given = parser.parse_args(arguments)
    console = Console()
    with stoppable(console):
        found = run(Wish(given.dir, given.seconds, given.profile), console)
    show(console, found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
