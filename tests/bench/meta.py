"""What the sandbox says of itself: its record of sends, and how the webhook answered it."""

from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import msgspec

from tests.bench.counting import SendRow

PAGE_MAX = 1_000


class Line(msgspec.Struct):
    n: int
    outcome: str
    at: datetime
    biz_opaque_callback_data: str | None


class Page(msgspec.Struct):
    sends: list[Line]


class Acks(msgspec.Struct, frozen=True):
    """How long the webhook took to answer: counts by bucket; the last one is above all bounds."""

    bounds_ms: list[float]
    counts: list[int]

    def since(self, earlier: "Acks") -> "Acks":
        return Acks(self.bounds_ms, [now - then for now, then in zip(self.counts, earlier.counts, strict=True)])


class Counts(msgspec.Struct):
    pending: int
    posts: int
    updates: int
    refused_posts: int


_page = msgspec.json.Decoder(Page).decode


@dataclass
class Meta:
    """Reads the record forward, a page at a time."""

    session: aiohttp.ClientSession
    url: str
    sends: list[SendRow] = field(default_factory=list)
    went_out: int = 0  # of them
    _after: int = 0

    async def read_sends(self) -> None:
        """Read what was added since the last time."""
        while True:
            raw = await self._get(f"/_sandbox/sends?after={self._after}")
            lines = _page(raw).sends
            for line in lines:
                send = SendRow(line.biz_opaque_callback_data or "", line.outcome, line.at.timestamp())
                self.sends.append(send)
                self.went_out += send.went_out
            if lines:
                self._after = lines[-1].n
            if len(lines) < PAGE_MAX:
                return

    async def counts(self) -> Counts:
        return msgspec.json.decode(await self._get("/_sandbox/webhooks"), type=Counts)

    async def acks(self) -> Acks:
        return msgspec.json.decode(await self._get("/_sandbox/webhooks/acks"), type=Acks)

    async def _get(self, path: str) -> bytes:
        async with self.session.get(self.url + path) as answer:
            answer.raise_for_status()
            return await answer.read()
