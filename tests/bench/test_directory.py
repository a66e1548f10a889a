"""Every run starts from an empty directory, and two never share one."""

from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.supervisor import Supervisor
from tests.bench import directory


def test_earlier_results_stay_and_the_rest_goes(tmp_path: Path) -> None:
    for name in ("latest.json", "profile-gateway-api.txt", "ports.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "kafka" / "data").mkdir(parents=True)
    directory.prepare(tmp_path)
    left = {path.name for path in tmp_path.iterdir()} - {"lock"}
    assert left == {"latest.json", "profile-gateway-api.txt"}


def test_what_postgresql_kept_elsewhere_goes_too(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bench = tmp_path / "bench"
    bench.mkdir()
    (bench / "postgres.elsewhere").write_text(f"{elsewhere}\n")
    directory.prepare(bench)
    assert not elsewhere.exists()


def test_a_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{}")
    supervisor = Supervisor(tmp_path)
    supervisor.open()
    try:
        with pytest.raises(StackError):
            directory.prepare(tmp_path)
    finally:
        supervisor.close([])
    assert (tmp_path / "ports.json").exists()
