"""Backoff and lanes."""

from uuid import UUID

from services.gateway.deliveries.schedule import Lanes, Limits, backoff_seconds

LIMITS = Limits()
ONE, TWO = UUID(int=1), UUID(int=2)


def test_the_wait_doubles_from_five_seconds_to_six_hours_within_a_fifth() -> None:
    for attempt, expected in [(1, 5), (2, 10), (3, 20), (12, 10_240), (13, 20_480), (14, 21_600), (1_000, 21_600)]:
        assert 0.8 * expected <= backoff_seconds(LIMITS, attempt) <= 1.2 * expected


def test_retry_after_may_lengthen_the_wait_to_twice_its_length() -> None:
    assert 0.8 * 8 <= backoff_seconds(LIMITS, 1, retry_after_seconds=8) <= 1.2 * 8
    assert backoff_seconds(LIMITS, 1, retry_after_seconds=86_400) <= 1.2 * 10
    assert backoff_seconds(LIMITS, 1, retry_after_seconds=1) >= 0.8 * 5


def test_a_tenant_with_four_deliveries_under_way_gets_no_fifth() -> None:
    lanes = Lanes(LIMITS)
    for _ in range(LIMITS.tenant_in_flight_max):
        assert lanes.closed() == []
        lanes.enter(ONE)
    lanes.enter(TWO)
    assert lanes.closed() == [ONE]
    lanes.leave(ONE)
    assert lanes.closed() == []


def test_an_endpoint_that_keeps_failing_is_paused_until_it_succeeds() -> None:
    lanes = Lanes(LIMITS)
    for _ in range(LIMITS.failures_free - 1):
        lanes.failed(ONE)
    assert lanes.closed() == []
    lanes.failed(ONE)
    assert lanes.closed() == [ONE]
    lanes.succeeded(ONE)
    assert lanes.closed() == []


def test_a_failing_endpoint_is_probed_by_one_delivery_at_a_time() -> None:
    lanes = Lanes(Limits(pause_max_seconds=0.0))
    for _ in range(LIMITS.failures_free):
        lanes.failed(ONE)
    assert lanes.closed() == []
    lanes.enter(ONE)
    assert lanes.closed() == [ONE]
