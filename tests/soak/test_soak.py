"""A soak of half a minute: everything it promises to look at is looked at, and what must hold holds."""

import json
from pathlib import Path

from rich.console import Console

from tests.soak.run import Wish, run

DIRECTORY = Path("var/test/soak")
MINUTES, RATE, PERSONS = 0.6, 60, 2_000
LOOKED_AT = (
    "memory.gateway-worker", "memory.postgres", "bytes.gateway.messages", "rows.gateway.idempotency_keys",
    "bytes.gateway.seen", "gateway.outbox", "gateway.dispatch_queue", "gateway.callback_queue", "accept_ms.p99",
    "accept_to_graph_ms.p50", "webhook_ack_ms.p99", "disk.kafka",
)  # fmt: skip


def test_a_short_soak_sees_everything_prunes_and_survives_the_end_of_a_month() -> None:
    console = Console(quiet=True)
    found = run(Wish(directory=DIRECTORY, minutes=MINUTES, rate=RATE, persons=PERSONS), console)
    assert found == json.loads((DIRECTORY / "latest.json").read_text())
    growing = {
        problem for problem in found["problems"] if " should be " in problem
    }  # of half a minute that says little
    assert set(found["problems"]) - growing == set()
    assert found["rollover"]["redelivered"] == 6 * found["rollover"]["messages"] > 0
    assert found["rollover"]["days_planted"] == 11
    assert {name for name in LOOKED_AT if not found["series"][name]["values"]} == set()
    assert any(name.startswith("lag.") for name in found["series"])
    assert found["series"]["bytes.gateway.messages"]["each_message"] > 0
    assert "<svg" in (DIRECTORY / "latest.html").read_text()
