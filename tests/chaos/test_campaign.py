"""A campaign adds its rounds up and goes on where it stopped."""

import json
from pathlib import Path
from typing import Any

from tests.chaos.campaign import _thin, add_up, forget, kept

NOTHING = {"lost": 0, "sent_twice": 0}


def record(*, seed: int = 7, first: int = 1, last: int = 20, commit: str = "a", **changes: Any) -> dict[str, Any]:
    return {
        "commit": commit, "seed": seed, "first": first, "last": last, "faults": 20, "seconds": 100.0, "accepted": 5_000,
        "offences": NOTHING, "ledger_sum": 0, "recovery_seconds": [1.0, 2.0, 3.0],
    } | changes  # fmt: skip


def keep(directory: Path, *records: dict[str, Any]) -> None:
    for each in records:
        place = directory / "rounds" / f"{each['seed']}-{each['first']:04d}"
        place.mkdir(parents=True)
        (place / "round.json").write_text(json.dumps(each))


def test_the_rounds_of_a_seed_are_added_up_and_those_of_all_seeds_beside() -> None:
    rounds = [
        record(offences={"lost": 1, "sent_twice": 0}, recovery_seconds=[1.0]),
        record(first=21, last=40, commit="b", faults=19, recovery_seconds=[9.0, 2.0]),
        record(seed=8, commit="b", accepted=1),
    ]
    result = add_up(rounds, seed=7)
    assert (result["commit"], result["faults"], result["accepted"], result["lost"]) == ("b", 39, 10_000, 1)
    assert result["recovery_seconds"] == {"p50": 2.0, "max": 9.0}
    assert result["rounds"] == rounds[:2]
    assert (result["campaign"]["seeds"], result["campaign"]["faults"]) == ([7, 8], 59)
    assert result["campaign"]["commits"] == ["a", "b"]


def test_going_on_keeps_what_lies_before_and_other_seeds(tmp_path: Path) -> None:
    keep(tmp_path, record(), record(first=21, last=40), record(first=41, last=60), record(seed=8, first=41, last=60))
    forget(tmp_path, seed=7, first=41)
    assert [(each["seed"], each["first"]) for each in kept(tmp_path)] == [(7, 1), (7, 21), (8, 41)]


def test_beginning_anew_forgets_the_rounds_of_that_seed_only(tmp_path: Path) -> None:
    keep(tmp_path, record(), record(seed=8))
    forget(tmp_path, seed=7, first=1)
    assert [each["seed"] for each in kept(tmp_path)] == [8]


def test_a_round_that_reaches_the_first_fault_is_run_anew(tmp_path: Path) -> None:
    keep(tmp_path, record(), record(first=21, last=40))
    forget(tmp_path, seed=7, first=35)
    assert [each["first"] for each in kept(tmp_path)] == [1]


def test_a_clean_round_keeps_its_record_its_faults_and_its_logs(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    for name in ("round.json", "faults.jsonl", "clients.jsonl", "log/gateway-api.log"):
        (tmp_path / name).write_text("")
    _thin(tmp_path)
    assert {path.name for path in tmp_path.rglob("*.*")} == {"round.json", "faults.jsonl", "gateway-api.log"}
