"""What an outage's result says: answers by phase and second, and every broken promise in words."""

from array import array
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.bench.counting import SendRow
from tests.bench.generator import Sent
from tests.bench.meta import Meta
from tests.bench.receivers import Told
from tests.soak import outage_report
from tests.soak.outage_report import Seen, Wish
from tests.soak.probes import Answer, Prober

WISH = Wish(directory=Path("var"), what="kafka", minutes=1, rate=2)
DOWN, UP = 110.0, 170.0
ALL_TOLD = 1 | 2 | 4


def seen(**more: Any) -> Seen:
    return Seen(start=100.0, down_at=DOWN, up_at=UP, answering_at=172.0, **{"back_at": 180.0, **more})


def result(*, refused: str = "503", told: int = ALL_TOLD, says_when: bool = True, **more: Any) -> dict[str, Any]:
    """One message before, one refused during, one after; three probes, of which one was refused and repeated."""
    sent = Sent(ids=["a", "b"], shops=array("H", [0, 0]), offsets=array("d", [5.0, 75.0]),
                seconds=array("d", [0.01, 0.02]), answers=Counter({"200": 2, refused: 1}),
                refused=Counter({(30, refused): 1}), without_retry_after=0 if says_when else 1)  # fmt: skip
    meta = SimpleNamespace(sends=[SendRow(one, "accepted", 1.0) for one in "abp"])
    probes = [Answer(at, status, 0.1, says_when) for at, status in ((105, "200"), (120, refused), (180, "200"))]
    prober = SimpleNamespace(sends=probes, webhooks=probes, ids={"p"}, wrote=3)
    return outage_report.result(
        WISH, seen(**more), sent, Told(statuses=dict.fromkeys("abp", told)), meta=cast(Meta, meta),
        prober=cast(Prober, prober), states={}, books={"sum": 0.0, "wrong_balances": 0}, heard=4,
    )  # fmt: skip


def test_a_good_outage_has_no_problems_and_every_answer_in_its_second() -> None:
    found = result()
    assert found["problems"] == []
    assert {name: one["statuses"] for name, one in found["sends"].items()} == {
        "before": {"200": 1}, "down": {"503": 1}, "after": {"200": 1},
    }  # fmt: skip
    assert found["seconds"] == [{"second": -5, "200": 1}, {"second": 20, "503": 1}, {"second": 65, "200": 1}]
    assert found["webhook_probes"]["down"]["statuses"] == {"503": 1}
    assert (found["down_seconds"], found["answering_after_seconds"], found["backlog_gone_after_seconds"]) == (60, 2, 10)


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ({"refused": "broken"}, "a door answered broken"),
        ({"refused": "500"}, "a door answered 500"),
        ({"says_when": False}, "without_retry_after: 2"),
        ({"told": 1}, "lost: 3"),
        ({"back_at": None}, "the backlog was not gone within 5 minutes"),
        ({"still_refused": 1}, "probes_refused_for_good: 1"),
    ],
)
def test_a_broken_promise_is_named(broken: dict[str, Any], problem: str) -> None:
    assert problem in result(**broken)["problems"]
