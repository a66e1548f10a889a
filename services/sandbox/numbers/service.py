"""Knows which account a number belongs to, and what it may do."""

from collections.abc import Iterator
from pathlib import Path

from services.kernel.errors import Unprocessable
from services.sandbox.numbers.repository import RegistryFile
from services.sandbox.numbers.schemas import Number, Profile, Registry

__all__ = ["Number", "Numbers", "Profile"]

UNKNOWN = Number()
ENTRIES_MAX = 100_000  # numbers; a bench has some hundreds


class Numbers:
    def __init__(self, path: Path) -> None:
        self._file = RegistryFile(path)
        self._registry: Registry = self._file.load()

    def number(self, phone_number_id: str) -> Number:
        return self._registry.numbers.get(phone_number_id, UNKNOWN)

    def known(self, phone_number_id: str) -> Number | None:
        return self._registry.numbers.get(phone_number_id)

    def of_account(self, waba_id: str) -> Iterator[tuple[str, Number]]:
        return ((key, one) for key, one in self._registry.numbers.items() if one.waba_id == waba_id)

    def put_number(self, phone_number_id: str, number: Number) -> None:
        if phone_number_id not in self._registry.numbers and len(self._registry.numbers) >= ENTRIES_MAX:
            raise Unprocessable(f"the sandbox keeps at most {ENTRIES_MAX} numbers; start it with a new FILE")
        self._registry.numbers[phone_number_id] = number
        self._file.store(self._registry)
