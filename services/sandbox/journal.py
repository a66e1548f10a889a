"""An append-only file of JSON lines that is on the disk before its writer is answered."""

import asyncio
import math
import os
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

READ_CHUNK_BYTES = 1 << 20  # replaying at start reads the file in pieces of this size
GATHER_SECONDS = 0.02  # between two flushes: a thread and a flush for every line cost as much as all else of a send

Render = Callable[[int], bytes]


class JournalBroken(Exception):
    """The file holds a line that is not JSON before its end: somebody else wrote it; move it away and start again."""


class Journal:
    """Lines numbered from 1. Writers that arrive while a flush is running share the next one (group commit)."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._ends = array("Q", [0])
        self._index()
        self._numbered = self.lines
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flusher: asyncio.Task[None] | None = None
        self._flushed_at = -math.inf  # loop time at which the latest flush began
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    @property
    def lines(self) -> int:
        """How many lines are on the disk."""
        return len(self._ends) - 1

    def add(self, render: Render) -> tuple[int, asyncio.Future[None]]:
        """Take the next number, render its line, and give back a future that ends when the line is on the disk."""
        number = self._numbered + 1
        line = render(number)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._numbered = number
        self._waiting.append((line + b"\n", done))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush())
        return number, done

    def page(self, *, after: int, limit: int) -> list[bytes]:
        """The lines numbered `after` + 1 and on, as they stand in the file."""
        first, last = min(after, self.lines), min(after + limit, self.lines)
        raw = os.pread(self._file, self._ends[last] - self._ends[first], self._ends[first])
        return raw.split(b"\n")[:-1]

    def replay(self) -> Iterator[bytes]:
        """Every line on the disk, in order."""
        for after in range(0, self.lines, 1000):
            yield from self.page(after=after, limit=1000)

    async def close(self) -> None:
        if self._flusher is not None:
            await self._flusher
        self.release()

    def release(self) -> None:
        """Close the file; nobody may be waiting for a line."""
        self._thread.shutdown()
        os.close(self._file)

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(self._flushed_at + GATHER_SECONDS - loop.time())
            self._flushed_at = loop.time()
            batch, self._waiting = self._waiting, []
            lines = [line for line, _ in batch]
            try:
                await loop.run_in_executor(self._thread, self._write, b"".join(lines))
            except OSError as error:
                self._give_back(batch, error)
                continue
            for line, done in batch:
                self._ends.append(self._ends[-1] + len(line))
                if not done.done():
                    done.set_result(None)
        self._flusher = None

    def _give_back(self, batch: list[tuple[bytes, asyncio.Future[None]]], error: OSError) -> None:
        """A disk that refuses (full, for instance) refuses every waiting line, so that numbers stay line numbers."""
        batch, self._waiting = batch + self._waiting, []
        os.ftruncate(self._file, self._ends[-1])
        self._numbered = self.lines
        for _, done in batch:
            if not done.done():
                done.set_exception(OSError(error.errno, error.strerror))

    def _write(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        os.fdatasync(self._file)

    def _index(self) -> None:
        """Find where each line ends; what follows the last line end was never acknowledged and is cut off."""
        position = 0
        while chunk := os.pread(self._file, READ_CHUNK_BYTES, position):
            start = chunk.find(b"\n")
            while start >= 0:
                self._ends.append(position + start + 1)
                start = chunk.find(b"\n", start + 1)
            position += len(chunk)
        os.ftruncate(self._file, self._ends[-1])
