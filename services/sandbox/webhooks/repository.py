"""The file of updates under way: what people wrote, and what the webhook has already taken."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import msgspec

from services.sandbox.journal import Journal
from services.sandbox.webhooks.schemas import Announcement, Inbound, Marks

WINDOW_SECONDS = 24 * 3600  # inbounds younger than this still hold a window open


class Ledger:
    """What stands in the file when the process starts, and the only way to add to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.below = 0
        self._open: set[int] = set()
        self._done: set[int] = set()
        self._told: set[str] = set()
        self.inbounds: list[Inbound] = []
        self.announcements: list[Announcement] = []
        self._journal = Journal(path)
        self._load()

    def is_open(self, number: int) -> bool:
        """Whether the webhook has not yet taken every status of that accepted send."""
        return number not in self._done and (number > self.below or number in self._open)

    def is_told(self, subject: Inbound | Announcement) -> bool:
        return (subject.wamid if isinstance(subject, Inbound) else subject.id) in self._told

    def compact(self, *, now: float, below: int, still_open: Iterable[int]) -> None:
        """Replace the file by what still matters; called once, at start, when nobody writes."""
        kept = [i for i in self.inbounds if not self.is_told(i) or i.at > now - WINDOW_SECONDS]
        told = [i.wamid for i in kept if self.is_told(i)]
        untold = [Marks(announcement=one) for one in self.announcements if not self.is_told(one)]
        lines = [Marks(below=below, open=list(still_open), told=told), *(Marks(inbound=i) for i in kept), *untold]
        draft = self._path.with_suffix(".draft")
        draft.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
        self._journal.release()
        draft.replace(self._path)
        self._journal = Journal(self._path)
        self.inbounds, self.announcements, self._open, self._done, self._told = [], [], set(), set(), set()

    def add(self, marks: Marks) -> "asyncio.Future[None]":
        return self._journal.add(lambda _: msgspec.json.encode(marks))[1]

    async def close(self) -> None:
        await self._journal.close()

    def _load(self) -> None:
        decode = msgspec.json.Decoder(Marks).decode
        for line in self._journal.replay():
            marks = decode(line)
            self.below = max(self.below, marks.below)
            self._open.update(marks.open)
            self._done.update(marks.done)
            self._told.update(marks.told)
            if marks.inbound:
                self.inbounds.append(marks.inbound)
            if marks.announcement:
                self.announcements.append(marks.announcement)
