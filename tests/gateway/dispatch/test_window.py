"""A worker claims what its window has room for, and begins fewer at a time while they come too late for their calls."""

from types import SimpleNamespace
from typing import Any

from services.gateway.dispatch.window import BEGINNING_MIN, CLAIM_MAX, EXPRESS_PLACES, WINDOW, Window


def rows(count: int) -> list[Any]:
    return [SimpleNamespace(phone_number_id=str(number % 3)) for number in range(count)]


def test_what_is_under_way_takes_places_and_mailings_leave_some_free() -> None:
    window = Window(begin_within_seconds=1.0)
    assert window.slots()[:2] == (CLAIM_MAX, CLAIM_MAX)
    window.enter(taken := rows(WINDOW - EXPRESS_PLACES))
    window.hurry()
    assert window.slots()[:2] == (EXPRESS_PLACES, 0)
    window.leave(taken)
    assert (window.in_flight, dict(window.of_number)) == (0, {})


def test_a_claim_that_was_late_halves_the_next_one_and_what_is_beginning_counts() -> None:
    window = Window(begin_within_seconds=1.0)
    window.enter(rows(CLAIM_MAX))
    window.began(CLAIM_MAX, seconds=1.1)
    assert window.slots().all == CLAIM_MAX // 2
    window.enter(rows(100))
    assert window.slots().all == CLAIM_MAX // 2 - 100
    window.was_late(of=100)
    assert window.slots().all == 0
    window.began(100, seconds=0.7)
    assert window.slots().all == 50


def test_some_are_always_begun_and_soon_all_of_them_again() -> None:
    window = Window(begin_within_seconds=1.0)
    for _ in range(3):
        window.was_late(of=2)
    assert window.slots().all == BEGINNING_MIN
    for _ in range(6):
        window.began(0, seconds=0.1)
    assert window.slots().all == CLAIM_MAX
