"""Backoff and lanes."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.gateway.deliveries.schedule import Lanes, Limits, backoff_seconds, is_slow
from services.gateway.deliveries.sender import retry_after_seconds
from services.kernel import clock

LIMITS = Limits()
ONE, TWO = UUID(int=1), UUID(int=2)


def test_the_wait_doubles_from_five_seconds_to_six_hours_within_a_fifth() -> None:
    for attempt, expected in [(1, 5), (2, 10), (3, 20), (12, 10_240), (13, 20_480), (14, 21_600), (1_000, 21_600)]:
        assert 0.8 * expected <= backoff_seconds(LIMITS, attempt) <= 1.2 * expected


def test_retry_after_lengthens_the_wait_up_to_an_hour_and_never_shortens_it() -> None:
    assert 8 <= backoff_seconds(LIMITS, 1, retry_after_seconds=8) <= 8 * 1.2
    assert backoff_seconds(LIMITS, 1, retry_after_seconds=1_800) == 1_800
    assert backoff_seconds(LIMITS, 1, retry_after_seconds=86_400) == 3_600
    assert backoff_seconds(LIMITS, 1, retry_after_seconds=1) >= 0.8 * 5


@pytest.mark.parametrize(
    ("status", "error", "slow"),
    [
        (429, "", True),
        (502, "", True),
        (503, "", False),
        (504, "", True),
        (0, "timeout", True),
        (500, "", False),
        (0, "ClientConnectorError", False),
        (404, "", False),
    ],
)
def test_after_a_time_out_or_an_answer_that_asks_for_less_the_wait_is_half_a_minute_at_least(
    status: int, error: str, slow: bool
) -> None:
    assert is_slow(status, error) is slow
    wait = backoff_seconds(LIMITS, 1, slow=slow)
    assert (wait >= 0.8 * 30) is slow


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("999999999999", 10_000_000),
        ("-5", 0),
        ("1.5", 0),
        ("Sun, 22 Nov 2026 12:02:00 GMT", 120),
        ("Sunday, 22-Nov-26 12:02:00 GMT", 120),
        ("Sun Nov 22 12:02:00 2026", 120),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0),
        ("soon", 0),
        ("x" * 100_000, 0),
        ("Sun, 99 Nov 2026 12:02:00 GMT", 0),
        ("Sun, 22 Nov 99999999999 12:02:00 GMT", 0),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(text: str, seconds: float) -> None:
    assert retry_after_seconds(text, now=NOW) == seconds


def test_an_endpoint_with_four_deliveries_under_way_gets_no_fifth() -> None:
    lanes = Lanes(LIMITS)
    for _ in range(LIMITS.endpoint_in_flight_max):
        assert lanes.closed() == []
        lanes.enter(ONE)
    lanes.enter(TWO)
    assert lanes.closed() == [ONE]
    lanes.leave(ONE)
    assert lanes.closed() == []


def test_an_endpoint_that_keeps_failing_is_paused_until_it_succeeds() -> None:
    lanes = Lanes(LIMITS)
    for _ in range(LIMITS.failures_free - 1):
        lanes.failed(ONE, tried_at=clock.now())
    assert lanes.closed() == []
    lanes.failed(ONE, tried_at=clock.now())
    assert lanes.closed() == [ONE]
    lanes.succeeded(ONE)
    assert lanes.closed() == []


def test_a_failing_endpoint_is_probed_by_one_delivery_at_a_time() -> None:
    lanes = Lanes(Limits(pause_max_seconds=0.0))
    for _ in range(LIMITS.failures_free):
        lanes.failed(ONE, tried_at=clock.now())
    assert lanes.closed() == []
    lanes.enter(ONE)
    assert lanes.closed() == [ONE]


def test_an_endpoint_that_times_out_gets_one_delivery_at_a_time_at_once() -> None:
    lanes = Lanes(Limits(pause_max_seconds=0.0))
    lanes.failed(ONE, tried_at=clock.now(), slow=True)
    assert lanes.places(ONE) == 1


def test_failing_endpoints_together_leave_places_to_those_that_answer() -> None:
    lanes = Lanes(Limits(failing_in_flight_max=2, failures_free=100))
    for _ in range(2):
        lanes.failed(ONE, tried_at=clock.now())
        lanes.enter(ONE)
    assert lanes.closed() == [ONE]
    lanes.enter(TWO)
    assert TWO not in lanes.closed()
