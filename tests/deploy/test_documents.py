"""A reader of stack.json never sees half of it."""

import stat
import threading
from pathlib import Path

import pytest

from deploy.local import documents


def test_a_reader_sees_the_old_or_the_new_document_but_never_a_part(tmp_path: Path) -> None:
    path, ending, seen = tmp_path / "stack.json", threading.Event(), set[int]()
    documents.write(path, {"n": 0, "padding": "x" * 100_000})

    def read() -> None:
        while not ending.is_set():
            document = documents.read(path)
            assert len(document["padding"]) == 100_000
            seen.add(document["n"])

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 60):
        documents.write(path, {"n": number, "padding": "x" * 100_000})
    ending.set()
    reader.join()
    assert len(seen) > 1
    assert [file.name for file in tmp_path.iterdir()] == ["stack.json"]


def test_a_secret_document_is_never_readable_by_others(tmp_path: Path) -> None:
    documents.write(tmp_path / "a.json", {}, mode=0o600)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600


def test_a_document_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    documents.write(tmp_path / "a.json", {"good": True})
    with pytest.raises(TypeError):
        documents.write(tmp_path / "a.json", {"bad": object()})
    assert documents.read(tmp_path / "a.json") == {"good": True}


def test_a_missing_document_is_none(tmp_path: Path) -> None:
    assert documents.read(tmp_path / "none.json") is None
