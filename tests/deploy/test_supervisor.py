"""The supervisor keeps its children running and leaves nothing behind."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from deploy.local import documents, identity
from deploy.local.child import Child, Command
from deploy.local.errors import StackError
from deploy.local.supervisor import Supervisor, end_forgotten
from tests.deploy.waiting import eventually

MakeCommand = Callable[..., Command]


def test_a_child_killed_with_9_is_started_again_and_counted(
    supervisor: Supervisor, make_command: MakeCommand, changes: list[str]
) -> None:
    child = supervisor.start(make_command("worker"))
    first = child.pid
    os.kill(first, signal.SIGKILL)
    eventually(lambda: child.restarts == 1 and child.running)
    assert child.pid != first
    eventually(lambda: changes == ["changed"])


def test_a_disk_that_takes_no_notes_ends_no_watch(
    supervisor: Supervisor, make_command: MakeCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = supervisor.start(make_command("worker"))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(documents, "write", full)
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: child.restarts == 1 and child.running)
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: child.restarts == 2 and child.running)


def test_a_frozen_child_is_not_taken_for_a_dead_one_and_can_be_stopped(
    supervisor: Supervisor, make_command: MakeCommand
) -> None:
    child = supervisor.start(make_command("worker"))
    child.signal(signal.SIGSTOP)
    assert child.running
    supervisor.stop(["worker"])
    assert not child.running
    assert child.restarts == 0


def test_a_stopped_child_stays_stopped_until_it_is_started(supervisor: Supervisor, make_command: MakeCommand) -> None:
    child = supervisor.start(make_command("worker"))
    other = supervisor.start(make_command("other"))
    supervisor.stop(["worker"])
    other.signal(signal.SIGKILL)
    eventually(lambda: other.restarts == 1)
    assert not child.running
    supervisor.start(child.command)
    assert child.running


def test_a_child_that_dies_at_once_is_tried_again_and_again(supervisor: Supervisor, make_command: MakeCommand) -> None:
    child = supervisor.start(make_command("broken", "raise SystemExit(3)"))
    eventually(lambda: child.restarts >= 3)


def test_a_child_that_has_died_for_hours_is_still_tried(
    make_command: MakeCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.child.LONGEST_DELAY_SECONDS", 0.05)
    child = Child(make_command("broken", "raise SystemExit(3)"))
    monkeypatch.setattr(child, "_quick_deaths", 5_000)
    child.start()
    eventually(child.revive)


def test_a_child_that_ignores_a_polite_end_is_killed(supervisor: Supervisor, make_command: MakeCommand) -> None:
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    child = supervisor.start(make_command("deaf", deaf))
    eventually(lambda: "deaf" in child.command.log.read_text())
    child.ask_to_stop()
    child.wait_stopped(patience_seconds=0.2)
    assert not child.running


def test_a_second_supervisor_is_refused_while_the_first_holds_the_directory(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    assert supervisor.holding
    with pytest.raises(StackError, match="Another stack runs"):
        Supervisor(tmp_path / "stack").open()


def test_children_stop_in_the_order_asked_for(tmp_path: Path, make_command: MakeCommand) -> None:
    says_when = """
import signal, time
signal.signal(signal.SIGTERM, lambda *_: exit(print(time.time_ns(), flush=True)))
print('started', flush=True)
time.sleep(600)
"""
    supervisor = Supervisor(tmp_path / "stack")
    supervisor.open()
    children = [supervisor.start(make_command(name, says_when)) for name in ("postgres", "kafka", "worker")]
    for child in children:
        eventually(partial(_says, child, "started"))
    supervisor.close([["worker"], ["kafka"], ["postgres"]])
    ended = {child.name: int(child.command.log.read_text().split()[-1]) for child in children}
    assert ended["worker"] < ended["kafka"] < ended["postgres"]


def _says(child: Child, text: str) -> bool:
    return text in child.command.log.read_text()


def test_what_a_crashed_supervisor_left_behind_is_ended_by_the_next(tmp_path: Path) -> None:
    crashing = f"""
import os, sys
from pathlib import Path
from deploy.local.child import Child, Command
from deploy.local.supervisor import Supervisor
supervisor = Supervisor(Path({str(tmp_path)!r}))
supervisor.open()
child = supervisor.start(Command(name="orphan", argv=[sys.executable, "-c", "import time; time.sleep(600)"],
    environment={{}}, directory=Path("/"), log=Path({str(tmp_path / "log")!r})))
print(child.pid, child.known_as, flush=True)
os._exit(1)
"""
    done = subprocess.run([sys.executable, "-c", crashing], capture_output=True, text=True, check=False)
    pid, known_as = int(done.stdout.split()[0]), done.stdout.split()[1]
    assert identity.alive(pid, known_as)
    successor = Supervisor(tmp_path)
    successor.open()
    assert not identity.alive(pid, known_as)
    successor.close([])


def test_a_pid_that_now_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    ours = os.getpid()
    row = {"name": "old", "pid": ours, "known_as": "another-boot:12345", "signal": int(signal.SIGTERM)}
    documents.write(tmp_path / "children.json", [row])
    assert end_forgotten(tmp_path) == []
    assert identity.identity(ours)


def test_a_stack_directory_without_a_record_has_nothing_forgotten(tmp_path: Path) -> None:
    assert end_forgotten(tmp_path) == []
