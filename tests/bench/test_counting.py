"""Counting what became of messages."""

from tests.bench import counting
from tests.bench.counting import BITS, SendRow

TOLD = BITS["sent"] | BITS["delivered"] | BITS["read"]


def test_a_refused_try_followed_by_another_is_one_send() -> None:
    sends = [SendRow("a", "refused", 1.0), SendRow("a", "accepted", 2.0)]
    assert counting.double_sent(sends) == 0


def test_two_accepted_sends_of_one_message_are_a_double_send() -> None:
    sends = [SendRow("a", "accepted", 1.0), SendRow("b", "accepted", 1.0), SendRow("a", "accepted", 2.0)]
    assert counting.double_sent(sends) == 1


def test_a_dropped_answer_was_a_send() -> None:
    assert counting.double_sent([SendRow("a", "dropped", 1.0), SendRow("a", "accepted", 2.0)]) == 1


def test_a_message_is_settled_when_its_tenant_knows_the_end() -> None:
    told = {"a": TOLD, "b": BITS["failed"], "c": BITS["sent"]}
    assert counting.unsettled(["a", "b", "c", "d"], told) == ["c", "d"]


def test_a_told_failure_is_not_a_loss() -> None:
    assert counting.lost(["a", "b", "c", "d"], {"a": "failed", "b": "expired", "c": "sending"}) == ["c", "d"]


def test_every_status_that_was_reported_must_be_told() -> None:
    sends = [SendRow("a", "accepted", 1.0), SendRow("b", "accepted", 1.0), SendRow("c", "refused", 1.0)]
    assert counting.callbacks_missing(sends, {"a": TOLD, "b": BITS["delivered"]}) == 2


def test_a_send_that_nobody_was_promised_is_seen() -> None:
    sends = [SendRow("a", "accepted", 1.0), SendRow("x", "accepted", 1.0), SendRow("y", "refused", 1.0)]
    assert counting.foreign(sends, {"a"}) == 1
