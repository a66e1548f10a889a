"""Knows which account a number belongs to, and what a template is."""

from collections.abc import Mapping
from pathlib import Path

from services.kernel.errors import Unprocessable
from services.sandbox.numbers.repository import RegistryFile
from services.sandbox.numbers.schemas import Category, Number, Registry, Template

__all__ = ["Category", "Number", "Numbers", "Template"]

UNKNOWN = Number()
ENTRIES_MAX = 100_000  # numbers or templates; a bench has some hundreds


class Numbers:
    def __init__(self, path: Path) -> None:
        self._file = RegistryFile(path)
        self._registry: Registry = self._file.load()

    def number(self, phone_number_id: str) -> Number:
        return self._registry.numbers.get(phone_number_id, UNKNOWN)

    def template(self, name: str) -> Template | None:
        return self._registry.templates.get(name)

    def put_number(self, phone_number_id: str, number: Number) -> None:
        _check_room(self._registry.numbers, phone_number_id)
        self._registry.numbers[phone_number_id] = number
        self._file.store(self._registry)

    def put_template(self, name: str, template: Template) -> None:
        _check_room(self._registry.templates, name)
        self._registry.templates[name] = template
        self._file.store(self._registry)


def _check_room(entries: Mapping[str, object], key: str) -> None:
    if key not in entries and len(entries) >= ENTRIES_MAX:
        raise Unprocessable(f"the sandbox keeps at most {ENTRIES_MAX} entries; start it with a new FILE")
