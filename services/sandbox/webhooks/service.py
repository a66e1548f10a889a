"""Tells the webhook what happens to messages: in time, in batches, and again until it answers 200 (hot path)."""

import asyncio
import heapq
import itertools
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from services.sandbox.numbers.service import Numbers
from services.sandbox.sends.service import Plan, Send
from services.sandbox.settings import DelaySettings, Settings
from services.sandbox.webhooks.acknowledgements import Acknowledgements
from services.sandbox.webhooks.client import WebhookClient
from services.sandbox.webhooks.envelope import FAILED, EnvelopeWriter, Story, Update, price
from services.sandbox.webhooks.lane import Lane, Parcel
from services.sandbox.webhooks.repository import WINDOW_SECONDS, Ledger
from services.sandbox.webhooks.schemas import Inbound, Marks, Pricing

__all__ = ["WINDOW_SECONDS", "Counts", "Inbound", "Ledger", "Marks", "Webhooks"]

TICK_SECONDS = 0.01  # how exactly updates become due; what is due in one tick may share a POST
GATHER_SECONDS = 0.05  # least time between two POSTs of a lane that is not full: a crowd shares them
MARK_SECONDS = 0.5  # how often settled messages are written down; what a kill loses of them is told twice
COPY_SECONDS = 0.03  # between the copies that a scenario asks for
PRICED_ON_ARRIVAL = ("delivered", "read")

Settled = Callable[[Send], None]


class Counts(NamedTuple):
    pending: int
    posts: int
    updates: int
    refused_posts: int
    given_up: int


class Webhooks:
    def __init__(self, settings: Settings, numbers: Numbers, ledger: Ledger, on_settled: Settled) -> None:
        self._settings = settings
        self._delays = _delays(settings.delays)
        self._ledger = ledger
        self._on_settled = on_settled
        self._writer = EnvelopeWriter(numbers, settings.seed)
        secret, token = settings.app_secret.get_secret_value(), settings.verify_token.get_secret_value()
        self.client = WebhookClient(settings.webhook, app_secret=secret, verify_token=token)
        self._lanes = [Lane(number) for number in range(settings.webhook.lanes)]
        self._due: list[tuple[float, int, int, Update | Parcel]] = []
        self._order = itertools.count()
        self.acknowledgements = Acknowledgements()
        self._pending = self._posts = self._updates = self._refused = self._given_up = 0
        self._done: list[int] = []
        self._told: list[str] = []

    @property
    def is_full(self) -> bool:
        return self._pending >= self._settings.webhook.pending_max

    @property
    def counts(self) -> Counts:
        return Counts(self._pending, self._posts, self._updates, self._refused, self._given_up)

    def report(self, send: Send, *, accepted_in_seconds: float, window_open: bool) -> None:
        """Plan the statuses of an accepted send."""
        statuses, arrived = send.plan.statuses, False
        story = Story(send, len(statuses) * send.plan.duplicate)
        pricing = price(send, window_open=window_open)
        for status, offset in zip(statuses, self._offsets(send.plan, send.n), strict=True):
            priced = status == "sent" or (status in PRICED_ON_ARRIVAL and not arrived)
            arrived = arrived or status in PRICED_ON_ARRIVAL
            self._plan(story, status, accepted_in_seconds + offset, pricing if priced else None)
        if not statuses:
            self._settle(story)

    async def tell(self, inbound: Inbound) -> None:
        """Write down what a person wrote, then tell the webhook."""
        await self._ledger.add(Marks(inbound=inbound))
        self.resume(inbound)

    def resume(self, inbound: Inbound) -> None:
        self._plan(Story(inbound, 1), "", 0.0, None)

    async def run(self) -> None:
        """Work for ever; ends only by cancellation."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._clock(), name="webhooks clock")
            group.create_task(self._mark(), name="webhooks marks")
            for lane in self._lanes:
                group.create_task(self._work(lane), name=f"webhooks lane {lane.number}")

    async def close(self) -> None:
        await self._write_marks()
        await self.client.close()

    def _offsets(self, plan: Plan, number: int) -> Iterator[float]:
        """Seconds after the acceptance, never decreasing, so that the order asked for is the order told."""
        offset = 0.0
        for position, status in enumerate(plan.statuses, start=1):
            if plan.status_delay_ms is not None:
                offset = position * plan.status_delay_ms / 1000
            else:
                chance = zlib.crc32(f"{self._settings.seed}/{number}/{status}".encode()) / 2**32
                jitter = 1 + self._settings.delays.jitter * (2 * chance - 1)
                offset = max(offset, self._delays[status] * jitter)
            yield offset

    def _plan(self, story: Story, status: str, offset: float, pricing: Pricing | None) -> None:
        due, timestamp = asyncio.get_running_loop().time() + offset, int(time.time() + offset)
        copies = story.left if isinstance(story.subject, Inbound) else story.subject.plan.duplicate
        lane = _lane_key(story.subject) % len(self._lanes)
        for number in range(copies):
            update = Update(story, status, timestamp, pricing, copy=number > 0)
            heapq.heappush(self._due, (due + number * COPY_SECONDS, next(self._order), lane, update))
        self._pending += copies

    async def _clock(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            while self._due and self._due[0][0] <= now:
                _, _, lane, item = heapq.heappop(self._due)
                if isinstance(item, Update):
                    self._lanes[lane].put(item)
                else:
                    self._lanes[lane].put_again(item)
            await asyncio.sleep(TICK_SECONDS)

    async def _work(self, lane: Lane) -> None:
        loop, limits = asyncio.get_running_loop(), self._settings.webhook
        while True:
            parcel = await lane.take(batch_max=limits.batch_max)
            began = loop.time()
            if not await self._post(parcel, began):
                # While the webhook is away, updates gather here instead of in many small parcels.
                await asyncio.sleep(limits.retry_start_seconds)
            elif not lane.is_busy(limits.batch_max):
                await asyncio.sleep(began + GATHER_SECONDS - loop.time())

    async def _post(self, parcel: Parcel, now: float) -> bool:
        self._posts += 1
        body = self._writer.write(parcel.updates)
        asked_at = time.perf_counter()
        taken = await self.client.post(body)
        self.acknowledgements.note(time.perf_counter() - asked_at)
        if taken:
            self._updates += len(parcel.updates)
            self._finish(parcel)
        else:
            self._refused += 1
            self._try_again(parcel, now)
        return taken

    def _try_again(self, parcel: Parcel, now: float) -> None:
        limits = self._settings.webhook
        parcel.first_at = parcel.first_at or now
        if now - parcel.first_at > limits.give_up_seconds:
            self._given_up += len(parcel.updates)
            self._finish(parcel)
            return
        wait = min(limits.retry_start_seconds * 2.0 ** min(parcel.tries, 30), limits.retry_cap_seconds)
        parcel.tries += 1
        heapq.heappush(self._due, (now + wait, next(self._order), parcel.lane, parcel))

    def _finish(self, parcel: Parcel) -> None:
        self._pending -= len(parcel.updates)
        for update in parcel.updates:
            update.story.left -= 1
            if update.story.left == 0:
                self._settle(update.story)

    def _settle(self, story: Story) -> None:
        if isinstance(story.subject, Inbound):
            self._told.append(story.subject.wamid)
        else:
            self._done.append(story.subject.n)
            self._on_settled(story.subject)

    async def _mark(self) -> None:
        while True:
            await asyncio.sleep(MARK_SECONDS)
            await self._write_marks()

    async def _write_marks(self) -> None:
        if not self._done and not self._told:
            return
        marks = Marks(done=self._done, told=self._told)
        self._done, self._told = [], []
        with suppress(OSError):  # a full disk costs a second telling after a restart, nothing else
            await self._ledger.add(marks)


def _lane_key(subject: Send | Inbound) -> int:
    """All updates of a message, and all texts of a person, keep to one lane and so to their order."""
    return zlib.crc32(subject.phone.encode()) if isinstance(subject, Inbound) else subject.n


def _delays(settings: DelaySettings) -> dict[str, float]:
    milliseconds = {"sent": settings.sent_ms, "delivered": settings.delivered_ms, "read": settings.read_ms}
    return {status: ms / 1000 for status, ms in milliseconds.items()} | {FAILED: settings.delivered_ms / 1000}
