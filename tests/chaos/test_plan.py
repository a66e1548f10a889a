"""The plan of faults is a function of its seed."""

from tests.chaos.plan import plan


def test_the_same_seed_gives_the_same_faults() -> None:
    assert plan(seed=7, faults=50) == plan(seed=7, faults=50)
    assert plan(seed=7, faults=50) != plan(seed=8, faults=50)


def test_a_run_can_begin_in_the_middle() -> None:
    assert plan(seed=7, faults=50, first=31) == plan(seed=7, faults=50)[30:]


def test_every_process_is_struck_sooner_or_later() -> None:
    struck = {fault.process for fault in plan(seed=7, faults=300)}
    assert {"gateway-api", "gateway-worker", "webhook-api", "consent-worker", "billing-worker", "kafka"} <= struck
