"""Records every message request, in the order of arrival, before it is answered."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from services.sandbox.sends.repository import SendsFile
from services.sandbox.sends.schemas import ORDINARY, Outcome, Plan, Send

__all__ = ["ORDINARY", "Outcome", "Plan", "Send", "Sends"]


class Sends:
    def __init__(self, path: Path) -> None:
        self._file = SendsFile(path)

    def record(self, send: Send) -> tuple[Send, asyncio.Future[None]]:
        """Number the send now; await the future before answering anybody."""
        return self._file.append(send)

    def page(self, after: int) -> bytes:
        return self._file.page(max(after, 0))

    def replay(self) -> Iterator[Send]:
        return self._file.replay()

    @property
    def count(self) -> int:
        return self._file.count

    async def close(self) -> None:
        await self._file.close()
