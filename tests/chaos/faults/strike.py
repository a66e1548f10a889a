"""Strikes a wave of faults, measures how long nothing moved after it, and writes down each fault."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.chaos.faults import connections, processes
from tests.chaos.faults.ground import Ground
from tests.chaos.plan import Fault
from tests.e2e.harness.waiting import eventually

GIVEN_UP_SECONDS = 90.0
STRIKES: Mapping[str, Callable[[Ground, Fault], Awaitable[None]]] = {
    "kill": processes.kill,
    "freeze": processes.freeze,
    "rolling_restart": processes.restart_all,
    "member": processes.come_and_go,
    "link": connections.break_link,
    "read_only": connections.refuse_writes,
}
Row = dict[str, Any]


class Underway(Protocol):
    """What a strike must know of the load."""

    def between(self) -> int:
        """Messages that were answered and have not settled."""

    async def moved_since(self, at: float) -> float | None:
        """When the first message that was accepted after `at` reached Meta."""


async def strike(ground: Ground, load: Underway, wave: Sequence[Fault]) -> list[Row]:
    """All faults of a wave, as rows of faults.jsonl; what recovers, recovers when the last of them is over."""
    rows = await asyncio.gather(*(_one(ground, load, fault, _delay(wave, fault)) for fault in wave))
    seconds = await _recovery(load, max(row["to"] for row in rows))
    return [row | {"recovered_after": seconds} for row in rows]


def _delay(wave: Sequence[Fault], fault: Fault) -> float:
    return sum(each.later_seconds or 0.0 for each in wave[1 : wave.index(fault) + 1])


async def _one(ground: Ground, load: Underway, fault: Fault, delay_seconds: float) -> Row:
    await asyncio.sleep(delay_seconds)
    between, began = load.between(), time.time()
    await STRIKES[fault.kind](ground, fault)
    return {
        "number": fault.number, "name": fault.name, "kind": fault.kind, "target": fault.target, "from": began,
        "to": time.time(), "between": between, "counts": between > 0, "froze_meta": fault.freezes_meta,
    }  # fmt: skip


async def _recovery(load: Underway, ended: float) -> float:
    """By Meta's clock: a busy harness sees it later."""
    moved = time.time() + GIVEN_UP_SECONDS
    with contextlib.suppress(AssertionError):
        moved = await eventually(lambda: load.moved_since(ended), seconds=GIVEN_UP_SECONDS)
    return round(moved - ended, 2)


def write(path: Path, rows: Sequence[Row]) -> None:
    """Append to faults.jsonl: on the disk before the next wave."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())
