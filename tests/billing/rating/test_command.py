"""The rating command: a card in a file and a quantity, an exact answer, or what is wrong and where."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.billing.rating.__main__ import main

REPOSITORY = Path(__file__).parents[3]
ROWS: list[Any] = [[10, "10", "2"], [20, "5", "3"], [None, "5", "3"]]
CARD: dict[str, Any] = {"currency": "RUB", "mode": "graduated", "tiers": ROWS}


class Command:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.file = folder / "card.json"
        self._capsys = capsys

    def write(self, card: Any) -> "Command":
        self.file.write_text(card if isinstance(card, str) else json.dumps(card))
        return self

    def run(self, quantity: str, *more: str) -> tuple[int, str, str]:
        """Exit code, what it printed, what it complained of."""
        try:
            code = main(["--card", str(self.file), "--quantity", quantity, *more])
        except SystemExit as end:  # argparse's own refusals
            code = int(end.code or 0)
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


def test_it_runs_as_a_program_without_database_or_settings(command: Command) -> None:
    command.write(CARD)
    run = [sys.executable, "-m", "services.billing.rating", "--card", str(command.file), "--quantity", "21"]
    done = subprocess.run(run, cwd=REPOSITORY, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "currency": "RUB",
        "amount": "163",
        "lines": [
            {"from": "0", "to": "10", "quantity": "10", "unit": "10", "flat": "2", "amount": "102"},
            {"from": "10", "to": "20", "quantity": "10", "unit": "5", "flat": "3", "amount": "53"},
            {"from": "20", "to": "21", "quantity": "1", "unit": "5", "flat": "3", "amount": "8"},
        ],
    }
    command.write(CARD | {"tiers": [[10, "10", "2"]]})
    done = subprocess.run(run, cwd=REPOSITORY, env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "row 1" in done.stderr


def test_it_loads_nothing_of_the_services(command: Command) -> None:
    code = (
        "import services.billing.rating.__main__, sys; "
        "print([name for name in sys.modules if name.startswith(('sqlalchemy', 'pydantic', 'services.kernel'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, env={}, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"


def test_the_mode_can_be_chosen_instead_of_the_cards(command: Command) -> None:
    command.write(CARD)
    _, graduated, _ = command.run("12")
    _, volume, _ = command.run("12", "--mode", "volume")
    assert (json.loads(graduated)["amount"], json.loads(volume)["amount"]) == ("115", "63")
    command.write({name: CARD[name] for name in ("currency", "tiers")})
    assert command.run("12", "--mode", "graduated")[1] == graduated
    assert command.run("12", "--mode", "free")[0] == 2


def test_a_decimal_quantity_is_rated_exactly(command: Command) -> None:
    _, printed, _ = command.write(CARD).run("10.000001")
    answer = json.loads(printed)
    assert Decimal(answer["amount"]) == Decimal("105.000005")
    assert answer["lines"][1]["quantity"] == "0.000001"


@pytest.mark.parametrize("quantity", ["", "-1", "+1", "1e3", "NaN", "Infinity", "1,5", ".5", "1.", " 1", "٣", "1_0"])
def test_a_quantity_that_is_none_is_refused(command: Command, quantity: str) -> None:
    code, printed, complaint = command.write(CARD).run(f"{quantity}")
    assert (code, printed) == (2, "")
    assert complaint.startswith("quantity: ")


@pytest.mark.parametrize("quantity", ["1" * 16, "1.0000001"])
def test_a_quantity_with_too_many_digits_is_refused(command: Command, quantity: str) -> None:
    assert command.write(CARD).run(quantity)[0] == 2


ROW_2 = "tiers, row 2: "

MALFORMED = {
    "no last tier": ([[10, "1", "0"], [20, "1", "0"]], ROW_2 + "the last tier must be without end"),
    "two without end": ([[None, "1", "0"], [None, "1", "0"]], "tiers, row 1: only the last tier"),
    "an end twice": ([[10, "1", "0"], [10, "1", "0"], [None, "1", "0"]], ROW_2 + "it ends at 10: it must end above 10"),
    "ends that fall": ([[10, "1", "0"], [9, "1", "0"], [None, "1", "0"]], ROW_2 + "it ends at 9: it must end above 10"),
    "an end at zero": ([[0, "1", "0"], [None, "1", "0"]], "tiers, row 1: it ends at 0"),
    "a negative end": ([[-5, "1", "0"], [None, "1", "0"]], "tiers, row 1: it ends at -5"),
    "an end beyond all messages": ([[10**13, "1", "0"], [None, "1", "0"]], "tiers, row 1: it ends at"),
    "a decimal end": ([[10.5, "1", "0"], [None, "1", "0"]], "tiers, row 1: up_to is 10.5"),
    "an end as text": ([["10", "1", "0"], [None, "1", "0"]], "tiers, row 1: up_to is '10'"),
    "an end that is true": ([[True, "1", "0"], [None, "1", "0"]], "tiers, row 1: up_to is True"),
    "a negative price": ([[10, "1", "0"], [None, "-1", "0"]], ROW_2 + "unit is '-1': a price is never negative"),
    "a negative fee": ([[10, "1", "0"], [None, "1", "-0.01"]], ROW_2 + "flat is '-0.01': a price is never negative"),
    "a price as a number": ([[10, "1", "0"], [None, 1.5, "0"]], ROW_2 + "unit is 1.5: write the amount as text"),
    "a whole number as a price": ([[10, "1", "0"], [None, 1, "0"]], ROW_2 + "unit is 1: write the amount as text"),
    "no price": ([[10, "1", "0"], [None, None, "0"]], ROW_2 + "unit is None"),
    "an empty price": ([[10, "1", "0"], [None, "", "0"]], ROW_2 + "unit is ''"),
    "NaN as text": ([[10, "1", "0"], [None, "NaN", "0"]], ROW_2 + "unit is 'NaN'"),
    "infinity as text": ([[10, "1", "0"], [None, "1", "Infinity"]], ROW_2 + "flat is 'Infinity'"),
    "an exponent": ([[10, "1", "0"], [None, "1e3", "0"]], ROW_2 + "unit is '1e3'"),
    "too many decimals": ([[10, "1", "0"], [None, "0.0000001", "0"]], ROW_2 + "unit is '0.0000001'"),
    "too many digits": ([[10, "1", "0"], [None, "1" * 13, "0"]], ROW_2 + "unit is '1111111111111'"),
    "digits of another script": ([[10, "1", "0"], [None, "٦", "0"]], ROW_2 + "unit is '٦'"),
    "a comma": ([[10, "1", "0"], [None, "1,5", "0"]], ROW_2 + "unit is '1,5'"),
    "spaces": ([[10, "1", "0"], [None, " 1", "0"]], ROW_2 + "unit is ' 1'"),
    "a newline at the end": ([[10, "1", "0"], [None, "1\n", "0"]], ROW_2 + "unit is '1\\n'"),
    "a short row": ([[10, "1", "0"], [None, "1"]], ROW_2 + "[None, '1'] is not [up_to | null"),
    "a long row": ([[10, "1", "0"], [None, "1", "0", "0"]], ROW_2 + "[None, '1', '0', '0'] is not"),
    "a row that is no list": ([[10, "1", "0"], {"up_to": None}], ROW_2 + "{'up_to': None} is not"),
    "no rows": ([], "tiers: write 1 to 100 rows"),
    "rows that are no list": ("many", "tiers: write 1 to 100 rows"),
    "too many rows": ([[n, "1", "0"] for n in range(1, 101)] + [[None, "1", "0"]], "tiers: write 1 to 100 rows"),
}


@pytest.mark.parametrize(("tiers", "complaint"), MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_tiers_are_refused_with_the_row_and_the_reason(command: Command, tiers: Any, complaint: str) -> None:
    code, printed, said = command.write(CARD | {"tiers": tiers}).run("5")
    assert (code, printed) == (2, "")
    assert said.startswith(complaint)


FILES = {
    "nothing": ("", "card: "),
    "no JSON": ("{", "card: "),
    "a list": ("[]", "card: this is [] and no object"),
    "NaN": ('{"currency": "RUB", "mode": "volume", "tiers": [[null, NaN, "0"]]}', "card: NaN is no JSON"),
    "endless nesting": ("[" * 100_000, "card: "),
    "an endless number": ('{"tiers": [[%s, "1", "0"]]}' % ("9" * 5_000), "card: "),
    "a field twice": ('{"currency": "RUB", "currency": "USD"}', "currency: it stands there twice"),
    "no currency": ('{"mode": "volume", "tiers": [[null, "1", "0"]]}', "currency: None is no"),
    "a currency of its own": (json.dumps(CARD | {"currency": "roubles"}), "currency: 'roubles' is no"),
    "no mode": (json.dumps({"currency": "RUB", "tiers": ROWS}), "mode: None is neither"),
    "another mode": (json.dumps(CARD | {"mode": "package"}), "mode: 'package' is neither"),
    "a mode that is no text": (json.dumps(CARD | {"mode": ["volume"]}), "mode: ['volume'] is neither"),
    "no tiers": ('{"currency": "RUB", "mode": "volume"}', "tiers: write 1"),
}


@pytest.mark.parametrize(("text", "complaint"), FILES.values(), ids=FILES.keys())
def test_a_file_that_is_no_card_is_refused(command: Command, text: str, complaint: str) -> None:
    code, printed, said = command.write(text).run("5")
    assert (code, printed) == (2, "")
    assert said.startswith(complaint)
    assert "Traceback" not in said


def test_a_file_that_is_not_there_is_refused(command: Command) -> None:
    code, printed, said = command.run("5")
    assert (code, printed) == (2, "")
    assert said.startswith("card: ")


def test_a_file_that_is_no_text_or_too_large_is_refused(command: Command) -> None:
    command.file.write_bytes(b"\xff\xfe\x00\xd8")
    assert command.run("5")[0] == 2
    command.file.write_bytes(b" " * 1_000_001)
    assert "more than" in command.run("5")[2]
