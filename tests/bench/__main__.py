"""`make bench SECONDS=120 RATE=700`: measures a stack of its own and writes var/bench/latest.json."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from deploy.local import processes
from deploy.local.paths import VAR
from tests.bench import population, table
from tests.bench.command import stoppable
from tests.bench.profiles import CHOICES, DEFAULT
from tests.bench.run import Wish, run


def main(arguments: Sequence[str]) -> int:
    """Run once."""
    console, wish = Console(), _wish(arguments)
    with stoppable(console):
        table.show(console, run(wish, console))
    console.print(f"written: {wish.directory / 'latest.json'}", highlight=False)
    for name in wish.profiled:
        console.print(f"written: {wish.directory / f'profile-{name}'}.*", highlight=False)
    return 0


def _wish(arguments: Sequence[str]) -> Wish:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=_positive, default=60.0, help="how long the measured window is")
    parser.add_argument("--rate", type=_positive, default=300.0, help="messages a second that are offered")
    parser.add_argument("--profile", nargs="*", metavar="NAME", choices=CHOICES,
                        help="watch these processes with py-spy (none named: all but the sandbox)")  # fmt: skip
    parser.add_argument("--copies", action="append", default=[], type=_copies, metavar="NAME=N",
                        help="run a worker more than once, as gateway-worker=2")  # fmt: skip
    parser.add_argument("--persons", type=int, default=population.PERSONS, help="fewer people start sooner")
    parser.add_argument("--dir", type=Path, default=VAR / "bench", help="where the stack keeps everything")
    given = parser.parse_args(arguments)
    profiled = () if given.profile is None else tuple(given.profile) or DEFAULT
    return Wish(directory=given.dir, rate=given.rate, seconds=given.seconds, persons=given.persons,
                copies=dict(given.copies), profiled=profiled)  # fmt: skip


def _positive(text: str) -> float:
    with suppress(ValueError):
        if (value := float(text)) > 0:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is no number above zero")


def _copies(text: str) -> tuple[str, int]:
    name, _, number = text.partition("=")
    # Nothing stands before several doors here: a second one would have no work.
    is_worker = name in processes.MODULES and name.endswith("-worker")
    if not is_worker or not number.isdigit() or int(number) < 1:
        raise argparse.ArgumentTypeError("give a worker and how many, as gateway-worker=2")
    return name, int(number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
