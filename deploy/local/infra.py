"""Starts PostgreSQL and Kafka alone and leaves them running: `python -m deploy.local.infra --dir var/dev`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from deploy.local import background
from deploy.local.errors import StackError
from deploy.local.stack import Stack


def main(arguments: list[str] | None = None) -> int:
    """Start (the default, safe to repeat) or --stop the two servers; print their addresses as JSON."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.infra", description=__doc__)
    parser.add_argument("--dir", type=Path, default=Path("var/dev"))
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--foreground", action="store_true", help="stay, until a signal")
    given = parser.parse_args(arguments)
    try:
        if given.stop:
            background.stop(given.dir)
        elif given.foreground:
            background.serve(Stack(given.dir, services=()))
        else:
            argv = [sys.executable, "-m", "deploy.local.infra", "--foreground", "--dir", str(given.dir)]
            background.start(given.dir, argv, report=_say)
            print(json.dumps(describe(given.dir), indent=1))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def describe(directory: Path) -> dict[str, Any]:
    """Return the addresses, including those of the owners and of the superuser, for tests."""
    stack = Stack.running_in(directory)
    postgres = stack.infrastructure.postgres
    names = list(stack.describe()["postgres"])
    return {
        "kafka": stack.infrastructure.kafka.bootstrap,
        "postgres": {name: postgres.dsn(name, name) for name in names},
        "postgres_owner": {name: postgres.dsn(f"{name}_owner", name) for name in names},
        "postgres_superuser": postgres.dsn("postgres", "postgres"),
    }


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
