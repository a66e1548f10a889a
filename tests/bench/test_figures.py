"""The small statistics of the bench."""

import pytest

from tests.bench.figures import Floor, grows, histogram_percentile, milliseconds, percentile, share_over

FLOOR = Floor(absolute=10, share=0.5)


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert percentile(values, 50) == 3.0
    assert percentile(values, 99) == 5.0
    assert percentile(values, 100) == 5.0
    assert percentile(values, 0) == 1.0


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 50) is None
    assert milliseconds([]) == {"p50": None, "p99": None}


def test_seconds_are_told_in_milliseconds() -> None:
    assert milliseconds([0.001] * 99 + [2.0], (50, 99, 100)) == {"p50": 1.0, "p99": 1.0, "p100": 2000.0}


def test_a_histogram_tells_the_bound_of_the_bucket() -> None:
    bounds, counts = [10.0, 20.0, 30.0], [50, 48, 1, 1]
    assert histogram_percentile(bounds, counts, 50) == 10.0
    assert histogram_percentile(bounds, counts, 98) == 20.0
    assert histogram_percentile(bounds, counts, 99) == 30.0
    assert histogram_percentile(bounds, counts, 100) == 30.0  # above all bounds
    assert histogram_percentile(bounds, [0, 0, 0, 0], 50) is None


def test_the_share_over_a_bound_is_exact() -> None:
    assert share_over([10.0, 20.0], [6, 2, 2], 10.0) == pytest.approx(0.4)
    assert share_over([10.0, 20.0], [6, 2, 2], 20.0) == pytest.approx(0.2)
    assert share_over([10.0], [0, 0], 10.0) is None


def test_a_leak_grows() -> None:
    assert grows([5.0 * second for second in range(40)], FLOOR)


def test_a_leak_grows_also_under_noise() -> None:
    assert grows([5.0 * second + (second * 7919 % 13) for second in range(60)], FLOOR)


def test_noise_does_not_grow() -> None:
    assert not grows([100.0 + (second * 7919 % 97) for second in range(60)], FLOOR)


def test_one_jump_does_not_grow() -> None:
    assert not grows([0.0] * 30 + [100.0] * 30, FLOOR)


def test_a_queue_that_filled_and_emptied_does_not_grow() -> None:
    assert not grows([*range(0, 200, 5), *range(200, 0, -5)], FLOOR)


def test_what_grows_less_than_the_floor_is_not_named() -> None:
    assert not grows([1_000.0 + second for second in range(60)], FLOOR)


def test_a_few_samples_say_nothing() -> None:
    assert not grows([0.0, 100.0, 200.0, 300.0], FLOOR)
