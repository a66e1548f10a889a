"""Log files stay small, and no child is blocked or lost over it."""

import signal
from collections.abc import Callable
from pathlib import Path

from deploy.local import logs
from deploy.local.child import Child, Command
from tests.deploy.waiting import eventually

COUNTS = "import itertools\nfor n in itertools.count(): print(n, 'x' * 90, flush=True)"


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("one line\n")
    assert not logs.rotate(log, limit_bytes=100)
    assert log.read_text() == "one line\n"


def test_a_missing_log_is_no_error(tmp_path: Path) -> None:
    assert not logs.rotate(tmp_path / "none.log")
    assert logs.tail(tmp_path / "none.log") == "(no log yet)"


def test_three_files_are_kept_and_the_oldest_goes(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    for text in ("first", "second", "third", "fourth"):
        log.write_text(text * 50)
        assert logs.rotate(log, limit_bytes=100)
    log.write_text("fifth")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert log.with_name("a.log.1").read_text().startswith("fourth")
    assert log.with_name("a.log.2").read_text().startswith("third")


def test_a_child_goes_on_writing_at_the_beginning_of_the_cut_file(make_command: Callable[..., Command]) -> None:
    child = Child(make_command("talker", COUNTS))
    child.start()
    log = child.command.log
    eventually(lambda: log.stat().st_size > 200_000)
    assert logs.rotate(log, limit_bytes=100_000)
    eventually(lambda: log.stat().st_size > 1_000)
    child.signal(signal.SIGSTOP)
    text = log.read_bytes()
    child.ask_to_stop()
    child.wait_stopped()
    assert b"\0" not in text
    assert log.with_name("talker.log.1").stat().st_size > 100_000


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("\n".join(map(str, range(10_000))) + "\n")
    assert logs.tail(log, lines=2) == "9998\n9999"
