"""Finds what a magic number does (hot path)."""

from collections.abc import Iterator
from functools import lru_cache

from services.sandbox.codes import KNOWN, code_of
from services.sandbox.magic.behaviours import BEHAVIOURS, Behaviour
from services.sandbox.magic.schemas import MagicNumber, MagicTable
from services.sandbox.scenarios.service import Scenario
from services.sandbox.scripts.service import Script

REPORTED, REFUSED, PEOPLE = "79999", "79998", "79997"  # +7 999 9, +7 999 8, +7 999 7
PREFIXES = (REPORTED, REFUSED, PEOPLE)
DIGITS = 11
CACHED = 4096


class Magic:
    """`+7 999 9 CCCCCC` fails with the code, `+7 999 8 CCCCCC` refuses with it, `+7 999 7 000 0NN` is a person."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on

    def scenario(self, phone: str) -> Scenario | None:
        if not phone.startswith(PREFIXES) or not self._is_on:
            return None
        return _scenario(phone)

    def script(self, phone: str) -> Script | None:
        if not phone.startswith(PEOPLE) or not self._is_on:
            return None
        behaviour = _behaviour(phone)
        return behaviour.script if behaviour else None

    def table(self) -> MagicTable:
        return MagicTable(numbers=[*self._people(), *self._codes()] if self._is_on else [])

    def _people(self) -> Iterator[MagicNumber]:
        for number, one in BEHAVIOURS.items():
            yield MagicNumber(phone=f"+{PEOPLE}{number:06}", en=one.en, ru=one.ru)

    def _codes(self) -> Iterator[MagicNumber]:
        for code in sorted(KNOWN - {0}):
            if code < 10**6:
                title = code_of(code).title
                en, ru = f"accepted, then failed: {title}", f"принято, затем failed: {title}"
                yield MagicNumber(phone=f"+{REPORTED}{code:06}", en=en, ru=ru, code=code)
                en, ru = f"refused at once: {title}", f"отказ сразу: {title}"
                yield MagicNumber(phone=f"+{REFUSED}{code:06}", en=en, ru=ru, code=code)


@lru_cache(CACHED)
def _scenario(phone: str) -> Scenario | None:
    if len(phone) != DIGITS:
        return None
    if phone.startswith(PEOPLE):
        behaviour = _behaviour(phone)
        return behaviour.scenario if behaviour else None
    code = int(phone[len(REPORTED) :])
    if code not in KNOWN or code == 0:
        return None
    return Scenario(refuse_code=code) if phone.startswith(REFUSED) else Scenario(fail_code=code, window=False)


def _behaviour(phone: str) -> Behaviour | None:
    return BEHAVIOURS.get(int(phone[len(PEOPLE) :])) if len(phone) == DIGITS else None
