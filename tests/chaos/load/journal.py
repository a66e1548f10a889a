"""A file of evidence: JSON Lines, written by a thread of its own."""

import asyncio
import os
import time
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import msgspec

# Lines of so long share one fsync: a disk that is busy with nothing else would slow down the stack under test.
GATHER_SECONDS = 0.03

Line = tuple[bytes, "asyncio.Future[None] | None"]


class Journal:
    """Lines in the order given; with `is_synced` they are on the disk when `keep` returns, else with the system."""

    def __init__(self, path: Path, *, is_synced: bool = False) -> None:
        self._path = path
        self._is_synced = is_synced
        self._lines: SimpleQueue[Line | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._encode = msgspec.json.Encoder().encode
        self._thread = Thread(target=self._work, name=path.name, daemon=True)
        self._thread.start()

    def note(self, row: dict[str, Any]) -> None:
        """Write the row soon."""
        self._lines.put((self._encode(row) + b"\n", None))

    async def keep(self, row: dict[str, Any]) -> None:
        """Write the row now."""
        kept: asyncio.Future[None] = self._loop.create_future()
        self._lines.put((self._encode(row) + b"\n", kept))
        await kept

    async def close(self) -> None:
        """Everything is written."""
        self._lines.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        with self._path.open("ab") as file:
            is_open = True
            while is_open:
                lines, is_open = self._gather()
                file.write(b"".join(line for line, _ in lines))
                file.flush()
                if self._is_synced:
                    os.fsync(file.fileno())
                kept = [one for _, one in lines if one is not None]
                if kept:
                    self._loop.call_soon_threadsafe(_resolve, kept)
                time.sleep(GATHER_SECONDS if is_open else 0)

    def _gather(self) -> tuple[list[Line], bool]:
        """Wait for a line and take what else waits; false at the end."""
        lines: list[Line] = []
        while not lines or not self._lines.empty():
            line = self._lines.get()
            if line is None:
                return lines, False
            lines.append(line)
        return lines, True


def _resolve(waiting: "list[asyncio.Future[None]]") -> None:
    for one in waiting:
        if not one.done():
            one.set_result(None)
