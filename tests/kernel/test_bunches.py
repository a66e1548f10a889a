"""A lone reader reads at once; a crowd reads together, and nobody waits longer than a bunch lasts."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from services.kernel.bunches import Bunches

SECONDS = 0.05
BROKEN = "broken"


class Loop:
    """A loop whose time goes on when it is told to; what was to be called soon is called by `turn`."""

    def __init__(self) -> None:
        self.now = 100.0
        self._calls: list[tuple[float, Callable[..., object], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, act: Callable[..., object], *given: Any) -> None:
        self.call_later(0.0, act, *given)

    def call_later(self, seconds: float, act: Callable[..., object], *given: Any) -> None:
        self._calls.append((self.now + seconds, act, given))

    def turn(self, seconds: float = 0.0) -> None:
        self.now += seconds
        due = [call for call in self._calls if call[0] <= self.now]
        self._calls = [call for call in self._calls if call[0] > self.now]
        for _, act, given in due:
            act(*given)


class Reader:
    """Writes down that it was told to read."""

    def __init__(self, told: list[str], name: str) -> None:
        self._told = told
        self._name = name

    def read_held(self) -> None:
        self._told.append(self._name)
        if self._name == BROKEN:
            raise ValueError(BROKEN)


class Stand:
    """Bunches with a loop, and who was told to read so far."""

    def __init__(self, is_busy: Callable[[], bool] | None = None) -> None:
        self.loop = Loop()
        self.told: list[str] = []
        self._bunches = Bunches(SECONDS, is_busy)

    def add(self, name: str) -> None:
        self._bunches.add(Reader(self.told, name), cast(asyncio.AbstractEventLoop, self.loop))


def test_a_lone_reader_reads_in_this_turn_of_the_loop() -> None:
    stand = Stand()
    stand.add("a")
    assert stand.told == []
    stand.loop.turn()
    assert stand.told == ["a"]


def test_those_who_come_while_a_bunch_lasts_read_together_and_in_order_at_its_end() -> None:
    stand = Stand()
    stand.add("a")
    stand.loop.turn()
    for name in ("b", "c", "d"):
        stand.loop.turn(SECONDS / 5)
        stand.add(name)
    stand.loop.turn(SECONDS / 5)
    assert stand.told == ["a"]
    stand.loop.turn(SECONDS / 4)
    assert stand.told == ["a", "b", "c", "d"]


def test_after_a_pause_nobody_waits() -> None:
    stand = Stand()
    stand.add("a")
    stand.loop.turn()
    stand.loop.turn(SECONDS * 1.5)
    stand.add("b")
    stand.loop.turn()
    assert stand.told == ["a", "b"]


def test_nobody_waits_where_nothing_else_is_under_way() -> None:
    stand = Stand(lambda: False)
    for name in ("a", "b", "c"):
        stand.add(name)
        stand.loop.turn()
    assert stand.told == ["a", "b", "c"]


def test_one_who_cannot_read_keeps_nobody_else_from_it() -> None:
    stand = Stand()
    for name in ("a", BROKEN, "c", "d"):
        stand.add(name)
    with pytest.raises(ValueError, match=BROKEN):
        stand.loop.turn()
    stand.loop.turn()
    assert stand.told == ["a", BROKEN, "c", "d"]
