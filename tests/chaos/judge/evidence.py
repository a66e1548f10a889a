"""What outsiders wrote down during one round: JSON Lines, read once and never changed."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

Row = dict[str, Any]


class Evidence(NamedTuple):
    """The lines of each file, in their order; times are Unix seconds, those of sends RFC 3339."""

    tenants: list[Row]
    clients: list[Row]
    sends: list[Row]
    callbacks: list[Row]
    api: list[Row]
    faults: list[Row]
    wire: list[Row]


OPTIONAL = ("faults", "wire")


def read(directory: Path) -> Evidence:
    """Raises OSError or ValueError for a file that is not there or not whole, but for the optional ones."""
    paths = {name: directory / f"{name}.jsonl" for name in Evidence._fields}
    return Evidence(
        **{name: [] if name in OPTIONAL and not path.exists() else _lines(path) for name, path in paths.items()}
    )


def _lines(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as file:
        return [_row(path, number, line) for number, line in enumerate(file, start=1) if line.strip()]


def _row(path: Path, number: int, line: str) -> Row:
    try:
        found: Row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{path.name}, line {number}: {error}") from error
    return found


def digits(phone: str) -> str:
    """A phone number as Meta writes it."""
    return "".join(one for one in phone if one.isdecimal())


def seconds(moment: float | str) -> float:
    """Unix seconds of a time in either spelling."""
    return datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else float(moment)
