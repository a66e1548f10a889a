"""The clock is aware, in UTC, and stands still where a test says so."""

from datetime import UTC, datetime, timedelta

import pytest

from services.kernel import clock


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_a_frozen_clock_stands_still_advances_and_thaws() -> None:
    at = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with clock.frozen(at) as hands:
        assert clock.now() == at
        hands.advance(90)
        assert clock.now() == at + timedelta(seconds=90)
        with clock.frozen(at):
            assert clock.now() == at
        assert clock.now() == at + timedelta(seconds=90)
    assert clock.now() != at


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"), clock.frozen(datetime(2026, 11, 22)):  # noqa: DTZ001  the point of the test
        pass
