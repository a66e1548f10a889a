"""Callbacks that are missing, changed, out of order, or another's."""

from copy import deepcopy

from tests.chaos.judge.planting.finding import FEDOR, told_of
from tests.chaos.judge.planting.plain import DIMA
from tests.chaos.judge.planting.tale import Tale


def callbacks_missing(tale: Tale) -> None:
    tale.callbacks.remove(told_of(tale, "anna-1", "delivered"))


def never_answered_200(tale: Tale) -> None:
    told_of(tale, "dima-1", "read")["answered"] = 500


def failure_untold(tale: Tale) -> None:
    tale.callbacks.remove(told_of(tale, "vera-1", "failed"))


def words_untold(tale: Tale) -> None:
    tale.write(41.0, FEDOR, "Алло")


def callback_id_changed(tale: Tale) -> None:
    again = deepcopy(told_of(tale, "anna-1", "delivered"))
    again["event_id"] = again["value"]["event_id"] = "event-another"
    tale.callbacks.append(again)


def callback_content_changed(tale: Tale) -> None:
    again = deepcopy(told_of(tale, "anna-1", "delivered"))
    again["value"]["statuses"][0]["timestamp"] = "1800000099"
    tale.callbacks.append(again)


def words_told_twice(tale: Tale) -> None:
    again = deepcopy(next(row for row in tale.callbacks if "messages" in row["value"]))
    again["event_id"] = again["value"]["event_id"] = "event-another"
    tale.callbacks.append(again)


def cross_tenant(tale: Tale) -> None:
    tale.callbacks.append({**told_of(tale, "anna-1", "delivered"), "tenant": "bakery"})


def under_anothers_number(tale: Tale) -> None:
    told_of(tale, "anna-1", "delivered")["value"]["metadata"]["phone_number_id"] = DIMA.number


def under_own_number(tale: Tale) -> None:
    """The other tenant hears of it under a number of its own."""
    told = deepcopy(told_of(tale, "anna-1", "delivered")) | {"tenant": "bakery"}
    told["value"]["metadata"]["phone_number_id"] = DIMA.number
    tale.callbacks.append(told)


def told_in_disorder(tale: Tale) -> None:
    sent, delivered = told_of(tale, "anna-1", "sent"), told_of(tale, "anna-1", "delivered")
    sent["at"], delivered["at"] = delivered["at"], sent["at"]
