"""Knows which templates an account has, and what becomes of them."""

import secrets
from collections.abc import Iterator
from pathlib import Path

from services.kernel.errors import Unprocessable
from services.sandbox.templates.repository import CatalogueFile
from services.sandbox.templates.schemas import (
    Catalogue,
    Category,
    Component,
    Named,
    Status,
    Template,
    fill,
    placeholders,
)

__all__ = ["Category", "Component", "Status", "Template", "Templates", "fill", "new_id", "placeholders"]

ENTRIES_MAX = 20_000  # templates of all accounts; Meta allows 6,000 for each
Key = tuple[str, str, str]  # account or "", name, language or ""


class Templates:
    def __init__(self, path: Path) -> None:
        self._file = CatalogueFile(path)
        self._names: dict[str, dict[Key, Template]] = {}
        self._by_id: dict[str, tuple[str, Template]] = {}
        self._count = 0
        for stored in self._file.load().templates:
            self._keep(stored.name, stored.template)

    def of_name(self, name: str, waba_id: str) -> list[Template]:
        """What that account may send under this name; empty when nobody told of one (hot path)."""
        known = self._names.get(name)
        return [] if known is None else [one for one in known.values() if one.waba_id in ("", waba_id)]

    def find(self, name: str, language: str, waba_id: str) -> Template | None:
        """The account's own before everybody's (hot path)."""
        known = self._names.get(name)
        if known is None:
            return None
        for key in ((waba_id, name, language), ("", name, language), (waba_id, name, ""), ("", name, "")):
            if key in known:
                return known[key]
        return None

    def of_account(self, waba_id: str) -> Iterator[tuple[str, Template]]:
        """(name, template), in the order in which they came to be known."""
        for name, known in self._names.items():
            for one in known.values():
                if one.waba_id in ("", waba_id):
                    yield name, one

    def by_id(self, template_id: str) -> tuple[str, Template] | None:
        return self._by_id.get(template_id)

    def pending(self) -> list[tuple[str, Template]]:
        return [found for found in self._by_id.values() if found[1].status == "PENDING"]

    def put(self, name: str, template: Template) -> Template:
        """Keep it from now on, in place of the one of this account, name and language; raises Unprocessable."""
        known = self._names.get(name, {}).get(_key(name, template))
        if known is None and self._count >= ENTRIES_MAX:
            raise Unprocessable(f"the sandbox keeps at most {ENTRIES_MAX} templates; delete some, or use a new FILE")
        found = template.id or (known.id if known else "") or new_id()
        template = template.model_copy(update={"id": found})
        self._keep(name, template)
        self._store()
        return template

    def remove(self, waba_id: str, name: str, template_id: str | None = None) -> bool:
        """Forget every language of this name, or one by its id; whether there was any."""
        known = self._names.get(name, {})
        gone = [k for k, one in known.items() if one.waba_id == waba_id and template_id in (None, one.id)]
        for key in gone:
            self._by_id.pop(known.pop(key).id, None)
        self._count -= len(gone)
        if gone:
            self._store()
        return bool(gone)

    def _keep(self, name: str, template: Template) -> None:
        known = self._names.setdefault(name, {})
        self._count += _key(name, template) not in known
        known[_key(name, template)] = template
        self._by_id[template.id] = (name, template)

    def _store(self) -> None:
        rows = [Named(name=name, template=one) for name, known in self._names.items() for one in known.values()]
        self._file.store(Catalogue(templates=rows))


def new_id() -> str:
    """Sixteen digits, like Meta's."""
    return str(10**15 + secrets.randbelow(9 * 10**15))


def _key(name: str, template: Template) -> Key:
    return template.waba_id, name, template.language or ""
