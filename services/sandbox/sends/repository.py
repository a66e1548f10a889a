"""The file of sends: appended and flushed before any answer, read back in pages."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec

from services.sandbox.journal import Journal, JournalBroken
from services.sandbox.sends.schemas import Send

PAGE_MAX = 1_000  # sends in one answer, by the contract


class SendsFile:
    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._encode = msgspec.json.Encoder().encode

    def append(self, send: Send) -> tuple[Send, asyncio.Future[None]]:
        """Give the send its number; the future ends when it is on the disk. The given number is not looked at."""
        number, durable = self._journal.add(lambda n: self._encode(msgspec.structs.replace(send, n=n)))
        return msgspec.structs.replace(send, n=number), durable

    def page(self, after: int) -> bytes:
        """The answer of `GET /_sandbox/sends`, straight from the file."""
        lines = self._journal.page(after=after, limit=PAGE_MAX)
        return b'{"sends":[' + b",".join(lines) + b"]}"

    def replay(self) -> Iterator[Send]:
        decode = msgspec.json.Decoder(Send).decode
        for number, line in enumerate(self._journal.replay(), start=1):
            try:
                yield decode(line)
            except msgspec.DecodeError as error:
                raise JournalBroken(f"line {number} of the sends file is not a send: {error}") from error

    @property
    def count(self) -> int:
        return self._journal.lines

    async def close(self) -> None:
        await self._journal.close()
