"""A line is on the disk before its writer is answered."""

import os
from pathlib import Path

import pytest

from services.sandbox import journal


async def test_nobody_is_answered_before_the_disk_has_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lines.jsonl"
    flushed: list[bytes] = []
    real = os.fdatasync

    def flush(descriptor: int) -> None:
        real(descriptor)
        flushed.append(path.read_bytes())

    monkeypatch.setattr(os, "fdatasync", flush)
    kept = journal.Journal(path)
    for count in (1, 2):
        number, done = kept.add(lambda number: b'{"n":%d}' % number)
        await done
        assert number == kept.lines == count
        assert flushed[-1].count(b"\n") == count
    await kept.close()
