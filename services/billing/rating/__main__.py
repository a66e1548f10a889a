"""What a quantity costs on a card in a file: `python -m services.billing.rating --card FILE.json --quantity N`.

It needs no database and no settings. A malformed card or quantity ends with code 2 and says where and why.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from services.billing.rating import documents, ladder
from services.billing.rating.errors import MalformedCard
from services.billing.rating.ladder import MILLIONTHS, Line, Mode

CARD_BYTES_MAX = 1_000_000
QUANTITY = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,6}))?")
MALFORMED = 2  # as argparse ends for an argument that makes no sense

EPILOG = """Prints {"currency", "amount", "lines": [{"from", "to", "quantity", "unit", "flat", "amount"}]}: decimals as
text, in the card's units. A line is what lies above `from`, up to and including `to`. Amounts are rounded half up to a
millionth, line by line, and the total is the sum of the lines. A flat fee is due when its tier is reached; the first
tier is reached by a quantity of 0."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the answer; the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        card = documents.read(_document(asked.card, asked.mode))
        quantity = _quantity(asked.quantity)
    except MalformedCard as error:
        sys.stderr.write(f"{error}\n")
        return MALFORMED
    sys.stdout.write(json.dumps(_answer(card, quantity), indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.billing.rating", epilog=EPILOG)
    parser.add_argument("--card", required=True, type=Path, help="a rate card, JSON")
    parser.add_argument("--quantity", required=True, help="how many; may be decimal")
    parser.add_argument("--mode", choices=documents.MODES, help="instead of the card's own")
    return parser


def _document(path: Path, mode: Mode | None) -> Any:
    """What the file says, with the mode that was asked for."""
    try:
        if path.stat().st_size > CARD_BYTES_MAX:
            raise MalformedCard("card", f"the file has more than {CARD_BYTES_MAX} bytes")
        found = json.loads(path.read_bytes(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, MalformedCard):
            raise
        raise MalformedCard("card", f"{path} holds no JSON that can be read: {error}") from error
    return {**found, "mode": mode} if mode is not None and isinstance(found, dict) else found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counted = Counter(name for name, _ in pairs)
        raise MalformedCard(min(name for name in found if counted[name] > 1), "it stands there twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedCard("card", f"{name} is no JSON and no price")


def _quantity(text: str) -> int:
    found = QUANTITY.fullmatch(text)
    if found is None:
        raise MalformedCard("quantity", f"{text[:80]!r}: write up to 15 digits, and at most 6 decimals after a point")
    return int(found[1] + (found[2] or "").ljust(6, "0"))


def _answer(card: documents.Document, quantity: int) -> dict[str, Any]:
    lines = ladder.rate(card.tiers, quantity, card.mode)
    total = sum(line.amount_micros for line in lines)
    return {"currency": card.currency, "amount": _text(total), "lines": [_line(line) for line in lines]}


def _line(line: Line) -> dict[str, str]:
    return {
        "from": _text(line.above),
        "to": _text(line.up_to),
        "quantity": _text(line.quantity),
        "unit": _text(line.tier.unit_micros),
        "flat": _text(line.tier.flat_micros),
        "amount": _text(line.amount_micros),
    }


def _text(millionths: int) -> str:
    """Exact, with as many decimals as it needs: a card's unit may be roubles, kopecks or cents."""
    whole, fraction = divmod(millionths, MILLIONTHS)
    return f"{whole}.{fraction:06d}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
