"""Evidence is on the disk, in order, before anybody relies on it."""

import asyncio
import json
from pathlib import Path

from tests.chaos.load.journal import Journal


async def test_a_kept_line_is_in_the_file_and_so_is_what_was_noted_before_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "clients.jsonl", is_synced=True)
    journal.note({"try": 1})
    await journal.keep({"try": 2, "text": "Анна"})
    assert _tries(tmp_path / "clients.jsonl") == [1, 2]
    await journal.close()


async def test_many_lines_at_once_keep_their_order_and_none_is_missing_after_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "clients.jsonl", is_synced=True)
    await asyncio.gather(*(journal.keep({"try": number}) for number in range(200)))
    for number in range(200, 300):
        journal.note({"try": number})
    await journal.close()
    assert _tries(tmp_path / "clients.jsonl") == list(range(300))


def _tries(path: Path) -> list[int]:
    return [json.loads(line)["try"] for line in path.read_text().splitlines()]
