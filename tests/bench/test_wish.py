"""What the bench can be asked for."""

import pytest

from tests.bench.__main__ import _wish


def test_workers_can_be_run_more_than_once_and_doors_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    assert _wish(["--copies", "gateway-worker=2", "--copies", "billing-worker=3"]).copies == {
        "gateway-worker": 2,
        "billing-worker": 3,
    }
    for asked in ("gateway-api=2", "gateway-worker=0", "gateway-worker", "postgres=2"):
        with pytest.raises(SystemExit):
            _wish(["--copies", asked])
    assert "give a worker and how many" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["many", "0", "-5"])
def test_a_rate_that_is_none_is_named(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _wish([f"--rate={wrong}"])
    assert f"'{wrong}' is no number above zero" in capsys.readouterr().err
