"""`make soak MINUTES=60 RATE=300`: an hour under load -> var/soak/latest.json, and latest.html to look at."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.paths import VAR
from tests.bench import population
from tests.bench.command import stoppable, wide_console
from tests.soak import table
from tests.soak.run import Wish, run


def main(arguments: Sequence[str]) -> int:
    """0: nothing grew that should not, and no promise was broken; 1: the problems say what."""
    console, wish = wide_console(), _wish(arguments)
    with stoppable(console):
        found = run(wish, console)
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
