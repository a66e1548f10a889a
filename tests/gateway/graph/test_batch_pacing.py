"""Mailings are taken in slices, with rests that grow while replies are late."""

import asyncio
import time

import pytest

from services.gateway.graph import batch_pacing
from services.gateway.graph.batch_pacing import SLICE, Pacing

WORK_SECONDS = 0.02


class Workers:
    """Who takes slices in, and when each slice began and ended."""

    def __init__(self, strain: float, monkeypatch: pytest.MonkeyPatch, *, opening: float = 0.0) -> None:
        monkeypatch.setattr(batch_pacing, "OPENING_STRAIN", opening)
        self.value = strain
        self.pacing = Pacing(self.strain)
        self.slices: list[tuple[str, float, float]] = []

    async def strain(self) -> float:
        return self.value

    async def take(self, name: str, slices: int, count: int = SLICE) -> None:
        for _ in range(slices):
            async with self.pacing.turn(count):
                began = time.monotonic()
                await asyncio.sleep(WORK_SECONDS)
                self.slices.append((name, began, time.monotonic()))

    @property
    def rests(self) -> list[float]:
        return [after[1] - before[2] for before, after in zip(self.slices, self.slices[1:], strict=False)]


async def test_one_slice_at_a_time_and_batches_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(1.0, monkeypatch)
    await asyncio.gather(workers.take("a", 4), workers.take("b", 4))
    assert [name for name, _, _ in workers.slices] == ["a", "b"] * 4
    assert all(rest >= WORK_SECONDS * 0.9 for rest in workers.rests)


async def test_the_rest_grows_with_the_strain_and_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(5.0, monkeypatch)
    await workers.take("a", 3)
    assert all(rest >= 5 * WORK_SECONDS * 0.9 for rest in workers.rests)
    monkeypatch.setattr(batch_pacing, "REST_SECONDS_MAX", 0.05)
    workers.value, workers.slices = 1_000.0, []
    await workers.take("a", 3)
    assert all(0.04 < rest < 0.5 for rest in workers.rests[1:])


async def test_a_small_batch_rests_little_and_nobody_waits_for_the_last_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(100.0, monkeypatch)
    began = time.monotonic()
    await workers.take("a", 5, count=1)
    assert time.monotonic() - began < 5 * (WORK_SECONDS + 100 * WORK_SECONDS / SLICE) + 0.5


async def test_a_mailing_opens_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(1.0, monkeypatch, opening=4.0)
    monkeypatch.setattr(batch_pacing, "OPENING_HALF_LIFE_SECONDS", 0.1)
    await workers.take("a", 8)
    assert workers.rests[0] >= 3 * WORK_SECONDS
    assert workers.rests[-1] < workers.rests[0] / 2


async def test_who_waits_can_be_told_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(4.0, monkeypatch)
    workers.pacing.waiting = 10 * SLICE
    assert workers.pacing.line_seconds == 0.0, "nothing is known yet"
    await workers.take("a", 1)
    assert workers.pacing.line_seconds >= 10 * 5 * WORK_SECONDS * 0.9
