"""`python -m tests.chaos.judge DIR`: prints what one round's evidence proves; ends with 1 where a promise is broken."""

import argparse
import sys
from pathlib import Path

from tests.chaos.judge import judge


def main() -> int:
    """2: the evidence is not whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.judge", description=__doc__)
    parser.add_argument("directory", type=Path)
    given = parser.parse_args()
    try:
        report = judge(given.directory)
    except (OSError, ValueError, KeyError) as error:
        print(f"{given.directory}: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(report)
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
