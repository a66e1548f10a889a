"""Rate cards as they are written: read whole, or refused with the field, the row and the reason."""

import re
from typing import Any, NamedTuple, cast

from services.billing.rating.errors import MalformedCard
from services.billing.rating.ladder import Mode, Tier

ROWS_MAX = 100
UP_TO_MAX = 10**12  # messages in a month: a thousand times what all of WhatsApp's businesses send
WHOLE_DIGITS_MAX = 12  # with six decimals just below the end of BIGINT
DECIMALS_MAX = 6  # the ledger's unit is a millionth
WORD_CHARACTERS_MAX = 80  # of what is quoted in a complaint
MODES = ("graduated", "volume")
CATEGORIES_MAX = 20

_AMOUNT = re.compile(rf"([0-9]{{1,{WHOLE_DIGITS_MAX}}})(?:\.([0-9]{{1,{DECIMALS_MAX}}}))?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CATEGORY = re.compile(r"[a-z_]{1,40}")


class Document(NamedTuple):
    """A card that was read: every message has a price on it."""

    currency: str
    mode: Mode
    tiers: tuple[Tier, ...]
    free_in_window: frozenset[str]
    free_in_entry_point: frozenset[str]


def read(document: object) -> Document:
    """A card from {"currency", "mode", "tiers": [[up_to | null, "unit", "flat"], ...], "free_in_window"?, ...}.

    Amounts are decimal text in major units. The last tier has no end, or what comes after it would be free.
    Raises MalformedCard.
    """
    if not isinstance(document, dict):
        raise MalformedCard("card", f"this is {quoted(document)} and no object with currency, mode and tiers")
    return Document(
        currency=_currency(document.get("currency")),
        mode=read_mode(document.get("mode")),
        tiers=read_tiers(document.get("tiers")),
        free_in_window=_categories(document, "free_in_window"),
        free_in_entry_point=_categories(document, "free_in_entry_point"),
    )


def read_mode(mode: object) -> Mode:
    if mode not in MODES:
        raise MalformedCard("mode", f"{quoted(mode)} is neither graduated nor volume")
    return cast(Mode, mode)


def read_tiers(rows: object) -> tuple[Tier, ...]:
    """Rows whose ends rise, the last of them without end."""
    if not isinstance(rows, list) or not 1 <= len(rows) <= ROWS_MAX:
        raise MalformedCard("tiers", f'write 1 to {ROWS_MAX} rows [up_to | null, "unit", "flat"]')
    tiers: list[Tier] = []
    for number, row in enumerate(rows, start=1):
        tiers.append(_tier(row, number))
        _check_end(tiers, is_last=number == len(rows))
    return tuple(tiers)


def _tier(row: object, number: int) -> Tier:
    match row:
        case [None | int() as up_to, unit, flat] if not isinstance(up_to, bool):
            return Tier(up_to, micros(unit, "unit", row=number), micros(flat, "flat", row=number))
        case [up_to, _, _]:
            raise MalformedCard("tiers", f"up_to is {quoted(up_to)} and no whole number or null", row=number)
        case _:
            raise MalformedCard("tiers", f'{quoted(row)} is not [up_to | null, "unit", "flat"]', row=number)


def _check_end(tiers: list[Tier], *, is_last: bool) -> None:
    row, up_to = len(tiers), tiers[-1].up_to
    below = 0 if row == 1 else tiers[-2].up_to or 0
    if is_last and up_to is not None:
        raise MalformedCard("tiers", "the last tier must be without end (null), or what follows were free", row=row)
    if not is_last and up_to is None:
        raise MalformedCard("tiers", "only the last tier is without end (null)", row=row)
    if up_to is not None and not below < up_to <= UP_TO_MAX:
        raise MalformedCard("tiers", f"it ends at {up_to}: it must end above {below}, at most {UP_TO_MAX}", row=row)


def micros(amount: object, name: str, *, row: int | None = None) -> int:
    """Micro-units of an amount in decimal text; raises MalformedCard."""
    found = _AMOUNT.fullmatch(amount) if isinstance(amount, str) else None
    if found is None:
        raise MalformedCard("tiers", f"{name} is {quoted(amount)}: {_why_no_amount(amount)}", row=row)
    return int(found[1] + (found[2] or "").ljust(DECIMALS_MAX, "0"))


def _why_no_amount(amount: object) -> str:
    if not isinstance(amount, str):
        return 'write the amount as text, e.g. "6.00"'
    if amount.startswith("-"):
        return "a price is never negative"
    return f"write at most {WHOLE_DIGITS_MAX} digits, and at most {DECIMALS_MAX} decimals after a point"


def _currency(currency: object) -> str:
    if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
        raise MalformedCard("currency", f"{quoted(currency)} is no ISO 4217 code of three capital letters")
    return currency


def _categories(document: dict[str, Any], field: str) -> frozenset[str]:
    found = document.get(field, [])
    is_list = isinstance(found, list) and len(found) <= CATEGORIES_MAX
    if not is_list or not all(isinstance(one, str) and _CATEGORY.fullmatch(one) for one in found):
        raise MalformedCard(field, 'write a list of categories, e.g. ["service"]')
    if len(set(found)) != len(found):
        raise MalformedCard(field, "a category stands there twice")
    return frozenset(found)


def quoted(value: object) -> str:
    """A value as a complaint may show it: short, and without characters that no answer could carry."""
    word = repr(value)
    return word if len(word) <= WORD_CHARACTERS_MAX else f"{word[:WORD_CHARACTERS_MAX]}..."
