"""A stack with real service processes: ready means ready, dead ones come back, a hopeless one is named."""

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import background, documents, identity
from deploy.local.errors import StackError
from deploy.local.stack import Stack
from tests.deploy.waiting import eventually

DIRECTORY = Path("var/test/stack")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The smallest stack: the sandbox alone needs neither database nor broker, but gets both."""
    background.discard(DIRECTORY)
    with Stack(DIRECTORY, services=("sandbox-api",)) as stack:
        yield stack


def test_a_started_stack_is_ready_and_described(stack: Stack) -> None:
    assert stack.ready()
    described = documents.read(DIRECTORY / "stack.json")
    assert described["sandbox"] == stack.url("sandbox")
    assert [row["name"] for row in described["processes"]] == ["postgres", "kafka", "sandbox-api"]
    assert set(described["postgres"]) == {"gateway", "webhook", "consent", "billing"}
    assert set(described["meta"]) == {"app_secret", "verify_token"}
    assert described["webhook_path"] == "/webhook"
    assert described["staff_token"].count(".") == 2
    assert all(identity.identity(row["pid"]) for row in described["processes"])


def test_a_service_killed_with_9_is_back_and_ready(stack: Stack) -> None:
    child = stack.supervisor.children["sandbox-api"]
    killed = stack.kill("sandbox-api", signal.SIGKILL)
    eventually(lambda: child.running and child.pid != killed)
    stack.wait_ready()
    row = next(row for row in stack.processes if row["name"] == "sandbox-api")
    assert row == {"name": "sandbox-api", "pid": child.pid, "restarts": 1}


def test_a_held_service_stays_away_until_it_is_released(stack: Stack) -> None:
    stack.hold("sandbox-api")
    assert "does not answer" in stack.unready()["sandbox-api"]
    stack.release("sandbox-api")
    stack.wait_ready()


def test_a_copy_can_be_added_and_removed_while_the_stack_runs(stack: Stack) -> None:
    assert stack.add("sandbox-api") == "sandbox-api-2"
    stack.wait_ready()
    port = stack.facts.ports["sandbox-api-2"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.status == 200
    assert "sandbox-api-2" in [row["name"] for row in documents.read(DIRECTORY / "stack.json")["processes"]]
    stack.remove("sandbox-api-2")
    assert not stack.supervisor.children["sandbox-api-2"].running
    assert "sandbox-api-2" not in [row["name"] for row in documents.read(DIRECTORY / "stack.json")["processes"]]
    assert stack.ready()


def test_a_service_that_cannot_start_is_named_with_the_end_of_its_log_and_nothing_is_left_behind() -> None:
    directory = DIRECTORY.with_name("stack-broken")
    background.discard(directory)
    stack = Stack(directory, services=("sandbox-api",), overrides={"sandbox-api": {"WEBHOOK__URL": "nonsense"}})
    with pytest.raises(StackError, match=r"Not ready: sandbox-api[\s\S]*WEBHOOK__URL"):
        stack.start()
    assert not any(child.running for child in stack.supervisor.children.values())
    assert not stack.supervisor.holding


def test_the_command_says_what_to_do_when_nothing_runs(tmp_path: Path) -> None:
    for command in ("status", "staff-token", "logs"):
        argv = [sys.executable, "-m", "tools.vestnik", command, "--dir", str(tmp_path)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert done.stderr.startswith("✗")
        assert "Traceback" not in done.stderr


def test_the_command_starts_follows_and_stops_a_stack_in_the_background() -> None:
    directory = DIRECTORY.with_name("stack-background")
    assert _vestnik("down", directory) == 0
    started = subprocess.Popen([sys.executable, "-m", "deploy.local.infra", "--foreground", "--dir", str(directory)])
    eventually((directory / "stack.json").exists)
    children = documents.read(directory / "children.json")
    assert _vestnik("status", directory) == 0
    assert _vestnik("down", directory) == 0
    assert started.wait() == 0
    assert not any(identity.alive(row["pid"], row["known_as"]) for row in children)
    assert not list(directory.glob("*supervisor.json"))


def _vestnik(command: str, directory: Path) -> int:
    argv = [sys.executable, "-m", "tools.vestnik", command, "--dir", str(directory)]
    return subprocess.run(argv, check=False).returncode
