"""The folder of files: each with a note beside it, both named by the id."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from services.sandbox.media.schemas import Medium

COPY_BYTES = 1 << 20


class MediaFolder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Iterator[Medium]:
        """What is stored whole; half of a file, left by a crash, is removed."""
        if not self._path.exists():
            return
        for file in sorted(self._path.iterdir()):
            if file.suffix == ".note":
                yield msgspec.json.decode(file.read_bytes(), type=Medium)
            elif not file.with_suffix(".note").exists():
                file.unlink(missing_ok=True)

    def store(self, medium: Medium, source: BinaryIO) -> None:
        """The bytes first: a note is only written for a file that is complete."""
        self._path.mkdir(parents=True, exist_ok=True)
        with self.path(medium.id).open("wb") as file:
            while piece := source.read(COPY_BYTES):
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        draft = self._path / f"{medium.id}.draft"
        draft.write_bytes(msgspec.json.encode(medium))
        draft.replace(self._note(medium.id))

    def remove(self, medium_id: str) -> None:
        self._note(medium_id).unlink(missing_ok=True)
        self.path(medium_id).unlink(missing_ok=True)

    def path(self, medium_id: str) -> Path:
        return self._path / f"{medium_id}.bytes"

    def _note(self, medium_id: str) -> Path:
        return self._path / f"{medium_id}.note"
