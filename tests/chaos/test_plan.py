"""The plan of faults is a function of its seed."""

from tests.chaos.links.faults import KINDS
from tests.chaos.links.links import NAMES
from tests.chaos.plan import AT_ONCE, PROCESSES, RARE, plan, waves

SEEDS = (7, 8, 9)


def test_the_same_seed_gives_the_same_faults() -> None:
    assert plan(seed=7, faults=50) == plan(seed=7, faults=50)
    assert plan(seed=7, faults=50) != plan(seed=8, faults=50)


def test_a_run_can_begin_in_the_middle() -> None:
    assert plan(seed=7, faults=50, first=31) == plan(seed=7, faults=50)[30:]


def test_ten_faults_hold_kills_freezes_broken_links_and_one_rare_fault() -> None:
    kinds = [fault.kind for fault in plan(seed=7, faults=10)]
    assert [kinds.count(kind) for kind in ("kill", "freeze", "link")] == [3, 2, 4]


def test_seventy_faults_kill_and_freeze_every_process_break_every_link_and_do_all_that_is_rare() -> None:
    for seed in SEEDS:
        faults = plan(seed=seed, faults=70)
        for kind in ("kill", "freeze"):
            assert {fault.target for fault in faults if fault.kind == kind} == set(PROCESSES)
        assert {fault.target for fault in faults if fault.kind == "link"} == set(NAMES)
        assert {(fault.kind, fault.target) for fault in faults} >= set(RARE)
        assert {fault.link_fault.kind for fault in faults if fault.link_fault} == set(KINDS)


def test_several_strike_at_once_but_never_the_same_target() -> None:
    together = list(waves(plan(seed=7, faults=300)))
    assert {len(wave) for wave in together} == set(range(1, AT_ONCE + 1))
    assert all(len({fault.target for fault in wave}) == len(wave) for wave in together)


def test_waves_lose_no_fault_wherever_a_run_begins() -> None:
    for first in range(1, 20):
        faults = plan(seed=7, faults=20, first=first)
        assert [fault for wave in waves(faults) for fault in wave] == faults


def test_a_short_round_shortens_every_fault() -> None:
    assert max(fault.seconds for fault in plan(seed=7, faults=100, longest_seconds=5.0)) == 5.0
