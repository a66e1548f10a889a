"""The registry's file, replaced whole on each change."""

import os
from pathlib import Path

from services.sandbox.numbers.schemas import Registry


class RegistryFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Registry:
        return Registry.model_validate_json(self._path.read_bytes()) if self._path.exists() else Registry()

    def store(self, registry: Registry) -> None:
        draft = self._path.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            file.write(registry.model_dump_json(exclude_defaults=True))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
