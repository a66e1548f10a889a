"""The judge names each planted violation and nothing else, and raises no alarm where every promise is kept."""

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.judge import KINDS, Offence, judge
from tests.chaos.judge.__main__ import main
from tests.chaos.judge.judgement import weigh
from tests.chaos.judge.planting.__main__ import PLANTED, tales
from tests.chaos.judge.planting.finding import FEDOR
from tests.chaos.judge.planting.oddities import ODDITIES
from tests.chaos.judge.planting.plain import plain
from tests.chaos.judge.planting.tale import Tale
from tests.chaos.judge.planting.violations import COMMITTED, OTHERS, Violation

FILES = ("tenants", "clients", "sends", "callbacks", "api", "faults")
EVERY = (*COMMITTED, *OTHERS)


@pytest.mark.parametrize("planted", COMMITTED, ids=lambda one: one.name)
def test_a_planted_history_is_named_and_told(planted: Violation) -> None:
    report = judge(PLANTED / planted.name)
    assert _named(report.offences) == [(planted.kind, planted.about)]
    assert report.counts == {kind: int(kind == planted.kind) for kind in KINDS}
    assert report.is_clean is (planted.kind == "sent_after_stop_frozen")
    assert f"1. {planted.kind}: {planted.about}" in str(report)


def test_a_history_of_kept_promises_raises_no_alarm() -> None:
    report = judge(PLANTED / "clean")
    assert report.offences == []
    assert report.is_clean
    assert (report.accepted, report.ledger_sum) == (29, 0)


def test_every_kind_is_planted_and_the_files_are_what_the_pen_writes(tmp_path: Path) -> None:
    assert {one.kind for one in COMMITTED} == set(KINDS)
    for name, tale in tales().items():
        tale.save(tmp_path / name)
        for file in FILES:
            written, kept = tmp_path / name / f"{file}.jsonl", PLANTED / name / f"{file}.jsonl"
            assert written.read_bytes() == kept.read_bytes(), f"{name}: python -m tests.chaos.judge.planting"


@pytest.mark.parametrize("violation", EVERY, ids=lambda one: one.name)
def test_a_violation_is_named_among_much_that_only_looks_like_one(violation: Violation) -> None:
    tale = plain()
    for add in ODDITIES:
        add(tale)
    violation.plant(tale)
    assert _named(weigh(tale.evidence()).offences) == [(violation.kind, violation.about)]


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda one: one.__name__)
def test_what_only_looks_like_a_violation_raises_no_alarm(oddity: Callable[[Tale], None]) -> None:
    tale = plain()
    oddity(tale)
    report = weigh(tale.evidence())
    assert report.offences == [], str(report)


def test_a_history_is_told_in_the_order_of_time_from_all_files() -> None:
    text = str(judge(PLANTED / "sent_after_stop_frozen"))
    steps = (
        '"posted"',
        "СТОП",
        "freeze gateway-worker",
        '"answered"',
        '"messages"',
        '"outcome": "accepted"',
        "at the end",
    )
    story = text[text.index("1. sent_after_stop_frozen: vera-0") :]
    places = [story.index(step) for step in ('"posted"', "freeze gateway-worker", "СТОП", '"outcome"', "at the end")]
    assert places == sorted(places)
    assert all(step in story for step in steps)


def test_what_only_another_tenant_was_told_was_not_told() -> None:
    tale = plain()
    next(row for row in tale.callbacks if row["event_id"] == "event-anna-1-read")["tenant"] = "bakery"
    kinds = {one.kind for one in weigh(tale.evidence()).offences}
    assert kinds == {"cross_tenant", "callbacks_missing"}


def test_of_many_offences_of_a_kind_a_few_are_told() -> None:
    tale = plain()
    for number in range(9):
        tale.accept(41.0 + number, FEDOR, f"fedor-{number}")
    text = str(weigh(tale.evidence()))
    assert text.count("lost: fedor-") == 5
    assert text.endswith("... and 4 more")


def test_the_ledger_is_counted_in_micro_units() -> None:
    assert judge(PLANTED / "ledger").ledger_sum == 1


def test_the_command_prints_the_verdict_and_ends_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for directory, code in ((PLANTED / "clean", 0), (PLANTED / "lost", 1), (tmp_path, 2)):
        monkeypatch.setattr(sys, "argv", ["judge", str(directory)])
        assert main() == code
    printed = capsys.readouterr()
    assert "1. lost: fedor-1" in printed.out
    assert "tenants.jsonl" in printed.err


def test_evidence_without_a_balance_is_not_whole() -> None:
    evidence = plain().evidence()
    with pytest.raises(ValueError, match=r"api\.jsonl: no balance of shop"):
        weigh(evidence._replace(api=[row for row in evidence.api if row["kind"] != "balance"]))


def test_nothing_to_judge_is_no_success(tmp_path: Path) -> None:
    Tale().save(tmp_path)
    assert not judge(tmp_path).is_clean


def test_the_judge_shares_no_code_with_the_services_and_needs_no_package() -> None:
    for path in Path(__file__).parent.rglob("*.py"):
        if path.name.startswith("test_"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {one.module or "" for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)}
        imported |= {name.name for one in ast.walk(tree) if isinstance(one, ast.Import) for name in one.names}
        foreign = {one for one in imported if not one.startswith("tests.chaos.judge")}
        assert {one.split(".")[0] for one in foreign} <= sys.stdlib_module_names, path


def _named(offences: list[Offence]) -> list[tuple[str, str | None]]:
    return [(one.kind, one.message_id or one.person or one.tenant) for one in offences]
