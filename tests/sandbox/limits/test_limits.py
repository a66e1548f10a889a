"""The token buckets, with times of our own."""

from services.sandbox.limits.service import Buckets, Limits


def test_a_pair_has_forty_five_at_once_and_then_one_in_six_seconds() -> None:
    limits = Limits()
    assert [limits.takes_for_pair("1", "7", 0.0) for _ in range(46)] == [True] * 45 + [False]
    assert not limits.takes_for_pair("1", "7", 5.9)
    assert limits.takes_for_pair("1", "7", 6.0)
    assert not limits.takes_for_pair("1", "7", 6.0)
    assert all(limits.takes_for_pair("1", "7", 6.0 + 6.0 * n) for n in range(1, 100)), "exactly in time is in time"


def test_what_is_refused_costs_nothing_and_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = Buckets(10)
    assert [buckets.take("a", 0.0, per_second=1.0, burst=1.0) for _ in range(3)] == [True, False, False]
    assert not buckets.take("a", -100.0, per_second=1.0, burst=1.0)
    assert buckets.take("a", 1.0, per_second=1.0, burst=1.0)


def test_the_oldest_bucket_is_forgotten_first() -> None:
    buckets = Buckets(2)
    for key in ("a", "b", "c"):
        buckets.take(key, 0.0, per_second=0.0, burst=1.0)
    assert buckets.take("a", 0.0, per_second=0.0, burst=1.0)
    assert not buckets.take("c", 0.0, per_second=0.0, burst=1.0)


def test_a_number_is_registered_ten_times_in_three_days() -> None:
    limits = Limits()
    assert [limits.takes_registration("1", 0.0) for _ in range(11)] == [True] * 10 + [False]
    assert limits.takes_registration("1", 72 * 3600.0 + 1)
