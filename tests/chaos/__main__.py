"""`make chaos FAULTS=70 SEED=7 RATE=100 [FROM=N]`: breaks a stack under load -> var/chaos/latest.json."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from deploy.local.errors import StackError
from deploy.local.paths import VAR
from tests.chaos import campaign

INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """0: no promise was broken; 1: one was, the judge said which."""
    console = Console(highlight=False, soft_wrap=True)
    given = _given(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a shell's background job is born deaf to SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        result = campaign.run(given.dir, seed=given.seed, faults=given.faults, first=given.first, rate=given.rate,
                              tell=lambda text: console.print(text, markup=False))  # fmt: skip
    except StackError as error:
        console.print(f"✗ {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("stopped: the rounds that were finished are kept, FROM=N goes on")
        return INTERRUPTED
    console.print_json(data={name: value for name, value in result.items() if name != "rounds"})
    console.print(f"written: {given.dir / 'latest.json'}")
    return 0 if all(record["is_clean"] for record in result["rounds"]) else 1


def _given(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=70, help="the number of the last fault")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=100.0, help="messages a second")
    parser.add_argument(
        "--from", dest="first", type=int, default=1, metavar="N", help="the first fault: goes on with a campaign"
    )
    parser.add_argument("--dir", type=Path, default=VAR / "chaos", help="where the stack and the rounds are kept")
    given = parser.parse_args(arguments)
    if not 1 <= given.first <= given.faults:
        parser.error("--from is between 1 and --faults")
    return given


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
