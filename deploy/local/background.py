"""Runs a stack as a background process of its own: starts it, follows its steps, stops it."""

import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from deploy.local import bootstrap, documents, identity, logs
from deploy.local.errors import StackError
from deploy.local.paths import REPOSITORY
from deploy.local.stack import Stack
from deploy.local.supervisor import end_forgotten

STATE = "supervisor.json"
START_SECONDS = 300.0
STOP_SECONDS = 90.0
POLL_SECONDS = 0.1
SIGNALS = (signal.SIGTERM, signal.SIGINT)
Report = Callable[[str], None]


class _AskedToStop(KeyboardInterrupt):
    """Raised in the main thread by a signal; asyncio lets this kind through at once."""


def serve(stack: Stack, ready: Callable[[], None] = lambda: None) -> None:
    """Run a stack until a signal, writing down its phase and steps for those who wait for it."""
    if supervisor(stack.directory):
        raise StackError(f"A stack already runs in {stack.directory}: `make down` stops it.")
    state = _State(stack.directory)
    stack.report = _both(state.step, stack.report)
    _on_signals(_ask_to_stop)
    try:
        stack.start()
        state.phase("ready")
        ready()
        while True:
            signal.pause()
    except _AskedToStop:
        state.phase("stopping")
    except StackError as error:
        state.phase("failed", str(error))
        raise
    finally:
        _on_signals(signal.SIG_IGN)
        stack.stop()
        state.gone()


def _both(first: Report, second: Report) -> Report:
    def report(step: str) -> None:
        first(step)
        second(step)

    return report


def _ask_to_stop(_number: int, _frame: FrameType | None) -> None:
    raise _AskedToStop


def _on_signals(handler: Any) -> None:
    for number in SIGNALS:
        signal.signal(number, handler)


class _State:
    """supervisor.json: who supervises this directory and how far it has come."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / STATE
        pid = _own_pid()
        self._document: dict[str, Any] = {"pid": pid, "known_as": identity.identity(pid), "phase": "starting",
                                          "steps": [], "error": ""}  # fmt: skip
        documents.write(self._path, self._document)

    def step(self, text: str) -> None:
        self._document["steps"].append(text)
        documents.write(self._path, self._document)

    def phase(self, name: str, error: str = "") -> None:
        self._document.update(phase=name, error=error)
        documents.write(self._path, self._document)

    def gone(self) -> None:
        """Forget ourselves; a failure stays readable for the one who waits."""
        if self._document["phase"] != "failed":
            self._path.unlink(missing_ok=True)


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


def supervisor(directory: Path) -> dict[str, Any] | None:
    """Return the living supervisor's state, or None."""
    state: dict[str, Any] | None = documents.read(directory / STATE)
    return state if state and identity.alive(state["pid"], state["known_as"]) else None


def start(directory: Path, argv: Sequence[str], report: Report) -> None:
    """Start a supervisor with `argv` unless one runs, and return when its stack is ready; tells steps from now on."""
    running = supervisor(directory)
    started = None if running else _detach(directory, argv)
    deadline, told = time.monotonic() + START_SECONDS, len(running["steps"]) if running else 0
    while (state := documents.read(directory / STATE) or {}).get("phase") != "ready":
        told = _tell(state, told, report)
        if state.get("phase") == "failed" or (started and started.poll() is not None):
            raise StackError(_why(directory))
        if time.monotonic() > deadline:
            raise StackError(f"The stack did not become ready within {START_SECONDS:.0f} s. {_why(directory)}")
        time.sleep(POLL_SECONDS)
    _tell(state, told, report)


def _detach(directory: Path, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    (directory / STATE).unlink(missing_ok=True)
    with open(logs.open_for_child(directory / "log" / "supervisor.log"), "wb") as log:  # noqa: PTH123 - a descriptor
        return subprocess.Popen(
            list(argv), cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _tell(state: dict[str, Any], told: int, report: Report) -> int:
    steps = state.get("steps", [])
    for step in steps[told:]:
        report(step)
    return len(steps)


def _why(directory: Path) -> str:
    state = documents.read(directory / STATE) or {}
    return str(state.get("error") or f"Its log ends:\n{logs.tail(directory / 'log' / 'supervisor.log')}")


def stop(directory: Path) -> list[str]:
    """Stop the stack in this directory, also one whose supervisor has crashed; return what had to be ended by force."""
    if state := supervisor(directory):
        identity.end(state["pid"], state["known_as"], patience_seconds=STOP_SECONDS)
    (directory / STATE).unlink(missing_ok=True)
    (directory / "stack.json").unlink(missing_ok=True)
    return end_forgotten(directory)


def discard(directory: Path) -> None:
    """Stop what runs in this directory and remove it: tests and benches begin with empty databases and topics."""
    stop(directory)
    bootstrap.remove(directory)
