"""One round: a stack under load is broken, the load settles, and the judge reads what outsiders wrote down."""

import asyncio
import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies

from deploy.local.stack import Stack
from tests.chaos.faults.ground import Ground
from tests.chaos.faults.strike import strike, write
from tests.chaos.judge import Report, judge
from tests.chaos.links.links import META, Links
from tests.chaos.links.process import NICE
from tests.chaos.load import Load
from tests.chaos.plan import Fault, waves
from tests.e2e.conftest import surroundings
from tests.e2e.harness.stacks import new_stack

# Two gateway workers, so that one goes on while the other stands still; of the rest one each, so that a death shows.
COPIES: Mapping[str, int] = {"gateway-worker": 2}
QUIET_SECONDS = 5.0
SANDBOX = "sandbox-api"
Row = dict[str, Any]
Tell = Callable[[str], None]


class Watch:
    """How long each part of a round took, in seconds."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, part: str) -> None:
        now = time.monotonic()
        self.parts[part] = round(now - self._since, 1)
        self._since = now


def run_round(
    directory: Path, evidence: Path, faults: Sequence[Fault], *, seed: int, rate: float, tell: Tell
) -> tuple[Row, Report]:
    """The round's record and the judge's report; the evidence stays in its directory."""
    shutil.rmtree(evidence, ignore_errors=True)
    evidence.mkdir(parents=True)
    watch, commit = Watch(), _commit()
    stack = new_stack(directory, copies=COPIES)
    with Links(stack) as links, stack:
        links[META].record(evidence / "wire.jsonl")
        _put_meta_first(stack)
        watch.lap("start")
        struck = _break(Ground(stack, links), evidence, faults, seed=seed, rate=rate, tell=tell, watch=watch)
        rows = asyncio.run(struck)
    # The next round begins with empty ones, and what took long must still be explained.
    shutil.copytree(directory / "log", evidence / "log")
    watch.lap("stop")
    report = judge(evidence)
    watch.lap("judge")
    return {**commit, **_record(report, rows, seed=seed, watch=watch)}, report


def _put_meta_first(stack: Stack) -> None:
    """Meta is no more short of a processor than a network is: it would note late what was sent in time."""
    with contextlib.suppress(psutil.AccessDenied):
        psutil.Process(stack.supervisor.children[SANDBOX].pid).nice(NICE)


async def _break(
    ground: Ground, evidence: Path, faults: Sequence[Fault], *, seed: int, rate: float, tell: Tell, watch: Watch
) -> list[Row]:
    rows: list[Row] = []
    load_seed = seed * 10_000 + faults[0].number
    async with surroundings(ground.stack) as world, Load(world, evidence, load_seed, rate, links=ground.links) as load:
        await asyncio.sleep(QUIET_SECONDS)
        watch.lap("load")
        for wave in waves(faults):
            struck = await strike(ground, load, wave)
            write(evidence / "faults.jsonl", struck)
            for row in struck:
                tell(_told(row))
            rows += struck
            await asyncio.sleep(wave[-1].pause_seconds)
        watch.lap("faults")
        await asyncio.to_thread(ground.stack.wait_ready)
        await load.settle()
        watch.lap("settle")
        await load.collect()
        watch.lap("collect")
    return rows


def _told(row: Row) -> str:
    counts, seconds = f"{row['between']} between states", row["recovered_after"]
    return f"{row['number']:4d}  {row['name']:42s} {counts:24s} moving again after {seconds:.1f} s"


def _record(report: Report, rows: Sequence[Row], *, seed: int, watch: Watch) -> Row:
    return {
        "seed": seed,
        "first": rows[0]["number"],
        "last": rows[-1]["number"],
        "faults": sum(row["counts"] for row in rows),
        "seconds": round(sum(watch.parts.values()), 1),
        "seconds_of": watch.parts,
        "accepted": report.accepted,
        "is_clean": report.is_clean,
        # The judge tells apart what the `lost` of latest.json does not: both were answered 200 and have not settled.
        "offences": {**report.counts, "lost": report.counts["lost"] + report.counts["stuck"]},
        "ledger_sum": report.ledger_sum,
        "recovery_seconds": [row["recovered_after"] for row in rows],
    }


def _commit() -> Row:
    """What the stack is about to be started from."""

    def said(*command: str) -> str:
        return subprocess.run(["git", *command], capture_output=True, text=True, check=False).stdout.strip()

    changes = said("status", "--porcelain", "--untracked-files=no")
    return {"commit": said("rev-parse", "HEAD"), "uncommitted": bool(changes)}
