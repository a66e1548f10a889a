"""A command that measures ends with a sentence and a code, whatever ends it."""

import os
import signal
from collections.abc import Iterator

import pytest
from rich.console import Console

from deploy.local.errors import StackError
from tests.bench.command import FAILED, INTERRUPTED, stoppable

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_stack_that_fails_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, stoppable(Console()):
        raise StackError("See [the] log.")
    assert (ended.value.code, capsys.readouterr().err) == (FAILED, "✗ See [the] log.\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_it_as_an_exception_does(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, stoppable(Console()):
        os.kill(os.getpid(), number)
    assert (ended.value.code, capsys.readouterr().out) == (
        INTERRUPTED,
        "stopped before the end: there is no result\n",
    )
