"""Answers of the API that cannot be true: charges, books and states."""

from copy import deepcopy

from tests.chaos.judge.planting.finding import FEDOR, answer_of, charge_of, sends_of
from tests.chaos.judge.planting.tale import Tale


def charged_twice(tale: Tale) -> None:
    tale.charges["shop"].append(deepcopy(charge_of(tale, "anna-1")))


def charged_undelivered(tale: Tale) -> None:
    tale.accept(41.0, FEDOR, "fedor-1")
    tale.send(42.0, FEDOR, "fedor-1", statuses=["sent"])
    tale.tell(42.5, FEDOR, "fedor-1", "sent")
    tale.end(FEDOR, "fedor-1", "sent")


def delivered_uncharged(tale: Tale) -> None:
    charge_of(tale, "anna-1")["state"] = "released"


def charged_another_amount(tale: Tale) -> None:
    charge_of(tale, "anna-1")["price"] = {"amount": "6.01", "currency": "RUB"}


def ledger(tale: Tale) -> None:
    tale.out_of_wallet = "0.000001"


def held_though_failed(tale: Tale) -> None:
    charge_of(tale, "vera-1").update(state="reserved", price={"amount": "6.00", "currency": "RUB"})


def charged_to_another(tale: Tale) -> None:
    charge = charge_of(tale, "anna-1")
    tale.charges["shop"].remove(charge)
    tale.charges["bakery"].append(charge)


def shown_to_another(tale: Tale) -> None:
    next(row for row in tale.answers if "asked_as" in row)["status"] = 200


def listed_to_another(tale: Tale) -> None:
    tale.answers.append(next(row for row in tale.answers if row["id"] == "anna-1") | {"tenant": "bakery"})


def regressed(tale: Tale) -> None:
    answer_of(tale, "anna-1")["state"] = "delivered"


def forgotten(tale: Tale) -> None:
    next(row for row in tale.answers if row["id"] == "vera-1").update(status=404, body={})


def told_failed_and_under_way(tale: Tale) -> None:
    answer_of(tale, "vera-1")["state"] = "funded"


def failed_though_told_delivered(tale: Tale) -> None:
    answer_of(tale, "anna-1")["state"] = "failed"


def contradicted(tale: Tale) -> None:
    """The tenant was told that it failed for good, and the API says that it arrived."""
    tale.accept(41.0, FEDOR, "fedor-1")
    tale.send(42.0, FEDOR, "fedor-1", statuses=["failed"])
    tale.tell(42.5, FEDOR, "fedor-1", "failed", error="Message undeliverable")
    tale.end(FEDOR, "fedor-1", "sent", money="released")


def invented(tale: Tale) -> None:
    """Meta reports that it was delivered, and not that it was read."""
    sends_of(tale, "anna-1")[0]["statuses"] = ["sent", "delivered"]
