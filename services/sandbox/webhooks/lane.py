"""One of several queues to the webhook: in order and in batches, while refused parcels wait elsewhere."""

import asyncio
from collections import deque
from collections.abc import Iterator

from services.sandbox.webhooks.envelope import Update


class Parcel:
    """Updates that travel together, also when they are tried again; or the bytes of a POST that is repeated."""

    __slots__ = ("first_at", "lane", "raw", "tries", "updates")

    def __init__(self, lane: int, updates: list[Update], raw: bytes | None = None) -> None:
        self.lane = lane
        self.updates = updates
        self.raw = raw
        self.tries = 0
        self.first_at = 0.0  # loop time of the first try


class Lane:
    """Fresh updates keep their order; a parcel that is due again takes turns with them, so neither starves."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._fresh: deque[Update] = deque()
        self._again: deque[Parcel] = deque()
        self._filled = asyncio.Event()
        self._again_next = True

    def is_busy(self, batch_max: int) -> bool:
        """Whether the next POST is worth making at once: a full one, or one that is already late."""
        return len(self._fresh) >= batch_max or bool(self._again)

    def until_turn(self, now: float, *, of: int, every: float) -> float:
        """Seconds until the turn of this one `of` so many lanes, each of which has one `every` so many seconds.

        Lanes that were answered together and posted together would queue behind each other, here and at the webhook.
        """
        return every - (now - every * self.number / of) % every

    def put(self, update: Update) -> None:
        self._fresh.append(update)
        self._filled.set()

    def put_again(self, parcel: Parcel) -> None:
        self._again.append(parcel)
        self._filled.set()

    async def take(self, *, batch_max: int) -> Parcel:
        """Wait for the next parcel."""
        while not self._fresh and not self._again:
            self._filled.clear()
            await self._filled.wait()
        again = bool(self._again) and (self._again_next or not self._fresh)
        self._again_next = not again
        return self._again.popleft() if again else Parcel(self.number, list(self._batch(batch_max)))

    def _batch(self, batch_max: int) -> Iterator[Update]:
        yield self._fresh.popleft()
        for _ in range(batch_max - 1):
            if not self._fresh or self._fresh[0].copy:
                return
            yield self._fresh.popleft()
