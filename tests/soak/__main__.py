"""`make soak MINUTES=60 RATE=300`: an hour under load -> var/soak/latest.json, and latest.html to look at."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from deploy.local.errors import StackError
from deploy.local.paths import VAR
from tests.bench import population
from tests.soak import table
from tests.soak.run import Wish, run

INTERRUPTED = 130
WIDTH = 180  # of a file


def main(arguments: Sequence[str]) -> int:
    """0: nothing grew that should not, and no promise was broken; 1: the problems say what."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    wish = _wish(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell's background job is born deaf to SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        found = run(wish, console)
    except StackError as error:
        Console(stderr=True).print(f"[red]✗[/] {escape(str(error))}", highlight=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped before the end: there is no result")
        return INTERRUPTED
    table.show(console, found)
    console.print(f"written: {wish.directory / 'latest.json'}, and latest.html to look at", highlight=False)
    return 1 if found["problems"] else 0


def _wish(arguments: Sequence[str]) -> Wish:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=300.0, help="messages a second")
    parser.add_argument("--persons", type=int, default=population.PERSONS, help="fewer people start sooner")
    parser.add_argument("--dir", type=Path, default=VAR / "soak", help="where the stack and the result are kept")
    given = parser.parse_args(arguments)
    if not (given.minutes > 0 and given.rate > 0):
        parser.error("minutes and rate must be more than zero")
    return Wish(directory=given.dir, minutes=given.minutes, rate=given.rate, persons=given.persons)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
