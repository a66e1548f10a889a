"""One round: a stack under load is broken, the load settles, and the judge reads what outsiders wrote down."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.faults.ground import Ground
from tests.chaos.faults.strike import strike, write
from tests.chaos.judge import Report, judge
from tests.chaos.links.links import Links
from tests.chaos.load import Load
from tests.chaos.plan import Fault, waves
from tests.e2e.conftest import surroundings
from tests.e2e.harness.stacks import new_stack

# Two gateway workers, so that one goes on while the other stands still; of the rest one each, so that a death shows.
COPIES: Mapping[str, int] = {"gateway-worker": 2}
QUIET_SECONDS = 5.0
Row = dict[str, Any]
Tell = Callable[[str], None]


def run_round(
    directory: Path, evidence: Path, faults: Sequence[Fault], *, seed: int, rate: float, tell: Tell
) -> tuple[Row, Report]:
    """The round's record and the judge's report; the evidence stays in its directory."""
    shutil.rmtree(evidence, ignore_errors=True)
    evidence.mkdir(parents=True)
    began = time.monotonic()
    stack = new_stack(directory, copies=COPIES)
    with Links(stack) as links, stack:
        rows = asyncio.run(_break(Ground(stack, links), evidence, faults, seed=seed, rate=rate, tell=tell))
    report = judge(evidence)
    return _record(report, rows, seed=seed, seconds=time.monotonic() - began), report


async def _break(
    ground: Ground, evidence: Path, faults: Sequence[Fault], *, seed: int, rate: float, tell: Tell
) -> list[Row]:
    rows: list[Row] = []
    load_seed = seed * 10_000 + faults[0].number
    async with surroundings(ground.stack) as world, Load(world, evidence, load_seed, rate, links=ground.links) as load:
        await asyncio.sleep(QUIET_SECONDS)
        for wave in waves(faults):
            struck = await strike(ground, load, wave)
            write(evidence / "faults.jsonl", struck)
            for row in struck:
                tell(_told(row))
            rows += struck
            await asyncio.sleep(wave[-1].pause_seconds)
        await asyncio.to_thread(ground.stack.wait_ready)
        await load.finish()
    return rows


def _told(row: Row) -> str:
    counts, seconds = f"{row['between']} between states", row["recovered_after"]
    return f"{row['number']:4d}  {row['name']:42s} {counts:24s} moving again after {seconds:.1f} s"


def _record(report: Report, rows: Sequence[Row], *, seed: int, seconds: float) -> Row:
    commit, uncommitted = _commit()
    return {
        "commit": commit,
        "uncommitted": uncommitted,
        "seed": seed,
        "first": rows[0]["number"],
        "last": rows[-1]["number"],
        "faults": sum(row["counts"] for row in rows),
        "seconds": round(seconds, 1),
        "accepted": report.accepted,
        "is_clean": report.is_clean,
        # The judge tells apart what the `lost` of latest.json does not: both were answered 200 and have not settled.
        "offences": {**report.counts, "lost": report.counts["lost"] + report.counts["stuck"]},
        "ledger_sum": report.ledger_sum,
        "recovery_seconds": [row["recovered_after"] for row in rows],
    }


def _commit() -> tuple[str, bool]:
    def said(*command: str) -> str:
        return subprocess.run(["git", *command], capture_output=True, text=True, check=False).stdout.strip()

    return said("rev-parse", "HEAD"), bool(said("status", "--porcelain", "--untracked-files=no"))
