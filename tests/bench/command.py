"""How a command that measures ends: its stack is stopped and its result shown, or it is said why there is none."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

from deploy.local.errors import StackError

FAILED, INTERRUPTED = 1, 130
WIDTH = 180  # of a file


def wide_console() -> Console:
    """For tables that are wider than what is taken for a terminal's width where there is none."""
    return Console(width=None if sys.stdout.isatty() else WIDTH)


@contextmanager
def stoppable(console: Console) -> Iterator[None]:
    """Ctrl-C and a polite kill stop the stack as well; a stack that fails ends the command with a sentence."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell's background job is born deaf to SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    except StackError as error:
        Console(stderr=True).print(f"[red]✗[/] {escape(str(error))}", highlight=False)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        console.print("stopped before the end: there is no result")
        sys.exit(INTERRUPTED)
