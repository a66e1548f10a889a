"""The templates' file, replaced whole on each change."""

import os
from pathlib import Path

from services.sandbox.templates.schemas import Catalogue


class CatalogueFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Catalogue:
        return Catalogue.model_validate_json(self._path.read_bytes()) if self._path.exists() else Catalogue()

    def store(self, catalogue: Catalogue) -> None:
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            file.write(catalogue.model_dump_json(exclude_defaults=True))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
