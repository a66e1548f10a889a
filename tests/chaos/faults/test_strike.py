"""A wave of faults overlaps as planned, and each is written down with what it met."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

from tests.chaos.faults.ground import Ground
from tests.chaos.faults.strike import strike, write
from tests.chaos.links.faults import LinkFault
from tests.chaos.links.links import META
from tests.chaos.plan import Fault

RECOVERS_SECONDS, NOTICED_SECONDS = 0.2, 0.4


class Said:
    """A link and all links: says when which fault began and ended."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._name = ""

    def __getitem__(self, name: str) -> "Said":
        one = Said()
        one.said, one._name = self.said, name
        return one

    @contextlib.asynccontextmanager
    async def fault(self, fault: LinkFault) -> AsyncIterator[None]:
        self.said.append(f"{fault.kind} {self._name}")
        yield
        self.said.append(f"over {self._name}")


class LoadThatRecovers:
    def __init__(self, between: int) -> None:
        self._between = between

    def between(self) -> int:
        return self._between

    async def moved_since(self, at: float) -> float | None:
        return at + RECOVERS_SECONDS if time.time() > at + NOTICED_SECONDS else None


def fault(number: int, link: str, seconds: float, *, later: float | None = None, how: str = "reset") -> Fault:
    return Fault(number, "link", link, LinkFault(how), seconds, later, 0.0)


async def struck(*wave: Fault, between: int = 5) -> tuple[list[str], list[dict[str, Any]]]:
    links = Said()
    ground = Ground(cast(Any, None), cast(Any, links))
    return links.said, await strike(ground, LoadThatRecovers(between), wave)


async def test_the_second_begins_while_the_first_lasts_and_both_recover_when_both_are_over() -> None:
    said, rows = await struck(fault(1, "a", 0.3), fault(2, "b", 0.3, later=0.1))
    assert said == ["reset a", "reset b", "over a", "over b"]
    assert rows[0]["recovered_after"] == rows[1]["recovered_after"] == RECOVERS_SECONDS
    assert rows[0]["to"] < rows[1]["to"]


async def test_a_third_counts_its_delay_from_the_second() -> None:
    _, rows = await struck(fault(1, "a", 0.0), fault(2, "b", 0.0, later=0.1), fault(3, "c", 0.0, later=0.1))
    assert rows[2]["from"] - rows[0]["from"] >= 0.2


async def test_a_fault_that_meets_no_message_does_not_count() -> None:
    assert [(await struck(fault(1, "a", 0.0), between=count))[1][0]["counts"] for count in (0, 1)] == [False, True]


async def test_a_slow_link_to_meta_is_told_apart_from_a_broken_one() -> None:
    _, rows = await struck(fault(1, META, 0.0, how="latency"), fault(2, META, 0.0, how="reset", later=0.0))
    assert [row["froze_meta"] for row in rows] == [True, False]


def test_waves_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "faults.jsonl"
    write(path, [{"number": 1}])
    write(path, [{"number": 2}, {"number": 3}])
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [1, 2, 3]


async def test_waiting_for_a_wave_does_not_stop_the_load() -> None:
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    beating = asyncio.create_task(beat())
    await struck(fault(1, "a", 0.2))
    beating.cancel()
    assert beats > 10
