"""A series that grows is seen; noise, a jump, and what settles are not."""

import math
import random
from collections.abc import Callable

import pytest

from tests.bench.figures import Floor
from tests.soak.lines import Line, Series, fit, grows, rise

FLOOR = Floor(absolute=16, share=0.1)
MINUTES = 60


def series(value: Callable[[float], float]) -> Series:
    """Four samples a minute, each with noise of its own."""
    chance = random.Random(7)
    minutes = tuple(at / 4 for at in range(4 * MINUTES + 1))
    return Series(minutes, tuple(value(at) + chance.gauss(0, 3) for at in minutes))


def test_the_line_of_a_line_is_that_line() -> None:
    found = fit(Series((1.0, 2.0, 4.0), (5.0, 7.0, 11.0)))
    assert found == Line(slope=2.0, begin=5.0, x0=1.0)
    assert found.at(10.0) == 23.0
    assert rise(Series((1.0, 2.0, 4.0), (5.0, 7.0, 11.0))) == 6.0


def test_one_sample_and_none_lie_level() -> None:
    assert fit(Series((), ())).slope == fit(Series((1.0,), (5.0,))).slope == 0.0
    assert not grows(Series((), ()), FLOOR)


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(lambda at: 100 + 0.5 * at, id="a steady leak"),
        pytest.param(lambda at: 100 + 0.012 * at * at, id="one that gets faster"),
        pytest.param(lambda at: 100 + 40 * (1 - math.exp(-at / 6)) + 0.6 * at, id="one behind caches that fill"),
        pytest.param(lambda at: 100 + 10 * (at // 12), id="one in steps"),
    ],
)
def test_a_leak_grows(leak: Callable[[float], float]) -> None:
    assert grows(series(leak), FLOOR)


@pytest.mark.parametrize(
    "flat",
    [
        pytest.param(lambda _at: 100, id="noise"),
        pytest.param(lambda at: 100 + 30 * math.sin(at / 2), id="waves"),
        pytest.param(lambda at: 100 + 60 * (1 - math.exp(-at / 8)), id="caches that fill"),
        pytest.param(lambda at: 100 + 40 * (at > 30), id="a jump in the middle"),
        pytest.param(lambda at: 100 + 900 * (30 < at < 31), id="a spike"),
        pytest.param(lambda at: 100 - 0.8 * at, id="one that falls"),
        pytest.param(lambda at: 100 + 0.2 * at, id="too little to name"),
    ],
)
def test_what_is_flat_does_not_grow(flat: Callable[[float], float]) -> None:
    assert not grows(series(flat), FLOOR)


def test_the_floor_is_the_larger_of_its_two() -> None:
    leak = series(lambda at: 1_000 + 1.0 * at)
    assert grows(leak, Floor(absolute=16, share=0.01))
    assert not grows(leak, Floor(absolute=16, share=0.1))


def test_the_level_is_the_median_of_what_was_just_seen() -> None:
    seen = Series((1.0, 2.0, 3.0, 4.0), (9.0, 1.0, 50.0, 2.0))
    assert seen.level(4.0, 2.0) == 2.0
    assert seen.level(9.0, 2.0) is None
