"""What py-spy draws is read back: whose time it was, by function, by library, by function of ours."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from tests.bench import flames, profiles
from tests.bench.flames import Stack
from tests.deploy.waiting import eventually

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" xmlns:fg="http://github.com/jonhoo/inferno"><svg>
<g><title>all (10 samples, 100%)</title><rect y="0" fg:x="0" fg:w="10"/></g>
<g><title>main (services/gateway/api.py:9) (9 samples, 90%)</title><rect y="16" fg:x="0" fg:w="9"/></g>
<g><title>other (x.py:1) (1 samples, 10%)</title><rect y="16" fg:x="9" fg:w="1"/></g>
<g><title>a (services/gateway/a.py:1) (3 samples, 30%)</title><rect y="32" fg:x="0" fg:w="3"/></g>
<g><title>b (aiohttp/b.py:2) (5 samples, 50%)</title><rect y="32" fg:x="3" fg:w="5"/></g>
</svg></svg>"""
EMPTY = '<svg xmlns="http://www.w3.org/2000/svg"><text x="50.0%" y="24.00">ERROR: No valid input provided</text></svg>'
MAIN, A, B = "main (services/gateway/api.py:9)", "a (services/gateway/a.py:1)", "b (aiohttp/b.py:2)"
BUSY = "print('ready', flush=True)\ndef burn():\n    while True: sum(range(1000))\nburn()\n"
WATCH_SECONDS = 1.5


def test_a_drawing_becomes_stacks(tmp_path: Path) -> None:
    graph = tmp_path / "x.svg"
    graph.write_text(DRAWING)
    assert sorted(flames.stacks(graph)) == sorted(
        [Stack((MAIN,), 1), Stack((MAIN, A), 3), Stack((MAIN, B), 5), Stack(("other (x.py:1)",), 1)]
    )


def test_time_is_given_by_function_by_library_and_to_whom_of_us_it_belongs() -> None:
    text = flames.hottest([Stack((MAIN, A), 6), Stack((MAIN, B), 3), Stack((B,), 1)])
    functions, ours, libraries = (part.splitlines()[1:] for part in text.split("    own   total  ")[1:])
    assert _rows(functions) == {("60.0%", "60.0%", A), ("40.0%", "40.0%", B)}
    assert _rows(ours) == {
        ("60.0%", "60.0%", A), ("30.0%", "90.0%", MAIN), ("10.0%", "10.0%", "(aiohttp in a greenlet)"),
    }  # fmt: skip
    assert _rows(libraries) == {("60.0%", "90.0%", "services/gateway"), ("40.0%", "40.0%", "aiohttp")}


def test_the_twenty_hottest_functions_are_enough() -> None:
    text = flames.hottest([Stack((f"f{number} (x.py:1)",), 100 - number) for number in range(30)])
    functions = text.split("    own   total  ")[1]
    assert "f19 (x.py:1)" in functions
    assert "f20 (x.py:1)" not in functions


def _rows(lines: list[str]) -> set[tuple[str, ...]]:
    return {tuple(line.split(maxsplit=2)) for line in lines if line}


def test_code_belongs_to_a_library_or_to_a_service() -> None:
    assert flames.library("ClientSession.post (aiohttp/client.py:7)") == "aiohttp"
    assert flames.library("Batcher.submit (services/kernel/batcher.py:7)") == "services/kernel"


def test_a_living_process_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as busy:
        try:
            assert busy.stdout is not None
            busy.stdout.readline()
            stack = _watching(tmp_path, busy.pid, monkeypatch)
            stack.begin()
            eventually(lambda: "Sampling" in stack._spy_log("gateway-api").read_text())
            time.sleep(WATCH_SECONDS)
            stack.end()
        finally:
            busy.kill()
    assert "burn (<string>:2)" in stack.profile("gateway-api").read_text()
    assert "<svg" in stack.profile("gateway-api", "svg").read_text()


def test_of_a_process_that_did_nothing_no_samples_are_told(tmp_path: Path) -> None:
    graph = tmp_path / "x.svg"
    graph.write_text(EMPTY)
    assert flames.hottest(flames.stacks(graph)).startswith("0 samples")


def test_what_py_spy_could_not_do_is_told_in_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = _watching(tmp_path, 2**22 + 1, monkeypatch)  # no such process
    stack.begin()
    stack._spies["gateway-api"].wait(10)
    stack.end()
    assert stack.profile("gateway-api").read_text().startswith("Error")


def test_a_user_who_may_not_look_is_told_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = tmp_path / "ptrace_scope"
    scope.write_text("1\n")
    monkeypatch.setattr(profiles, "PTRACE", scope)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StackError, match="py-spy may not look"):
        profiles.ProfiledStack(tmp_path, profiled=["gateway-api"])
    profiles.ProfiledStack(tmp_path)


def _watching(directory: Path, pid: int, monkeypatch: pytest.MonkeyPatch) -> profiles.ProfiledStack:
    """A stack of which only one process is pretended to run."""
    if profiles.PTRACE.exists() and profiles.PTRACE.read_text().strip() != "0" and os.geteuid() != 0:
        pytest.skip("this user may not look into other processes")
    monkeypatch.setattr(profiles.ProfiledStack, "processes", [{"name": "gateway-api", "pid": pid}])
    (directory / "log").mkdir()
    return profiles.ProfiledStack(directory, profiled=["gateway-api"])
