"""Tells the webhook what happens to messages: in time, in batches, and again until it answers 200 (hot path)."""

import asyncio
import heapq
import itertools
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from services.sandbox.numbers.service import Numbers
from services.sandbox.sends.service import Send
from services.sandbox.settings import Settings
from services.sandbox.webhooks.acknowledgements import Acknowledgements
from services.sandbox.webhooks.client import TAKEN, WebhookClient
from services.sandbox.webhooks.envelope import EnvelopeWriter, Story, Subject, Update, price
from services.sandbox.webhooks.lane import Lane, Parcel
from services.sandbox.webhooks.planning import Order, Timetable, in_order
from services.sandbox.webhooks.repository import WINDOW_SECONDS, Ledger
from services.sandbox.webhooks.schemas import Announcement, Inbound, Marks, Pricing

__all__ = [
    "POST_MAX_BYTES", "TAKEN", "WINDOW_SECONDS", "Announcement", "Counts", "Inbound", "Ledger", "Marks", "Order",
    "Webhooks", "in_order",
]  # fmt: skip

TICK_SECONDS = 0.01  # how exactly updates become due; what is due in one tick may share a POST
GATHER_SECONDS = 0.05  # the lanes that are not full post in turns, each once in so long: a crowd shares a POST
MARK_SECONDS = 0.5  # how often settled messages are written down; what a kill loses of them is told twice
COPY_SECONDS = 0.03  # between the copies that a scenario asks for
POST_MAX_BYTES = 3 << 20  # of one POST at Meta
REPEATS_MAX = 1_000  # POSTs kept to be repeated; what is asked for beyond is not repeated
PRICED_ON_ARRIVAL = ("delivered", "read")

Settled = Callable[[Send], None]


class Counts(NamedTuple):
    pending: int
    posts: int
    updates: int
    refused_posts: int
    given_up: int
    repeated: int = 0
    forged: int = 0
    forged_taken: int = 0


class Webhooks:
    def __init__(self, settings: Settings, numbers: Numbers, ledger: Ledger, on_settled: Settled) -> None:
        self._settings = settings
        self._timetable = Timetable(settings.delays, settings.seed)
        self._ledger = ledger
        self._on_settled = on_settled
        self._writer = EnvelopeWriter(numbers, settings.seed)
        secret, token = settings.app_secret.get_secret_value(), settings.verify_token.get_secret_value()
        self.client = WebhookClient(settings.webhook, app_secret=secret, verify_token=token)
        self._lanes = [Lane(number) for number in range(settings.webhook.lanes)]
        self._due: list[tuple[float, int, int, Update | Parcel]] = []
        self._order = itertools.count()
        self._planned = asyncio.Event()
        self.acknowledgements = Acknowledgements()
        self._pending = self._posts = self._updates = self._refused = self._given_up = 0
        self._repeats = self._repeated = self._forged = self._forged_taken = 0
        self._done: list[int] = []
        self._told: list[str] = []

    @property
    def is_full(self) -> bool:
        return self._pending >= self._settings.webhook.pending_max

    @property
    def counts(self) -> Counts:
        own = (self._pending, self._posts, self._updates, self._refused, self._given_up)
        return Counts(*own, self._repeated, self._forged, self._forged_taken)

    def report(self, send: Send, *, accepted_in_seconds: float, window_open: bool, seen: Any = None) -> None:
        """Plan the statuses of an accepted send; `seen` (an object with a `status`) follows them."""
        plan, arrived = send.plan, False
        story = Story(send, len(plan.statuses) * plan.duplicate, seen)
        pricing = price(send, window_open=window_open)
        clock = self._clock_now()
        for status, offset in zip(plan.statuses, self._timetable.offsets(plan, send.n), strict=True):
            priced = status == "sent" or (status in PRICED_ON_ARRIVAL and not arrived)
            arrived = arrived or status in PRICED_ON_ARRIVAL
            self._plan(story, status, accepted_in_seconds + offset, pricing if priced else None, clock)
        if not plan.statuses:
            self._settle(story)

    def report_now(self, send: Send, status: str, seen: Any = None) -> None:
        """One more status of a send whose plan has ended; it carries no price and is not told after a restart."""
        self._plan(Story(send, send.plan.duplicate, seen, settles=False), status, 0.0, None, self._clock_now())

    async def tell(self, subject: Inbound | Announcement) -> None:
        """Write down what a person wrote, or what Meta announces; then tell the webhook."""
        marks = Marks(inbound=subject) if isinstance(subject, Inbound) else Marks(announcement=subject)
        await self._ledger.add(marks)
        self.resume(subject)

    def resume(self, subject: Inbound | Announcement) -> None:
        copies = subject.plan.duplicate if isinstance(subject, Inbound) else 1
        self._plan(Story(subject, copies), "", 0.0, None, self._clock_now())

    async def burst(self, inbounds: Sequence[Inbound], *, per_value: int) -> tuple[int, int]:
        """Post these in one POST, once and not through the lanes: the status (0: no answer) and the bytes."""
        body = self._writer.gather(inbounds, per_value=per_value)
        if len(body) > POST_MAX_BYTES:
            return 0, len(body)
        self._posts += 1
        status = await self.client.answer(body, self.client.signature(body))
        self._updates += len(inbounds) if status == TAKEN else 0
        self._refused += status != TAKEN
        return status, len(body)

    async def forge(self, inbound: Inbound, signature: str) -> int:
        """Post this with a wrong signature (`wrong`, `missing`, `malformed`); the answer's status."""
        body = self._writer.gather([inbound], per_value=1)
        signatures = {"wrong": self.client.forged(body), "missing": None, "malformed": "sha256=nonsense"}
        return await self._forge(body, signatures[signature])

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

    def _clock_now(self) -> tuple[float, float]:
        """The loop's time and the world's."""
        return asyncio.get_running_loop().time(), time.time()

    def _plan(
        self, story: Story, status: str, offset: float, pricing: Pricing | None, clock: tuple[float, float]
    ) -> None:
        subject, copies, wait = story.subject, 1, offset
        if not isinstance(subject, Announcement):
            copies, wait = subject.plan.duplicate, offset / subject.plan.compress
        lane = _lane_key(subject) % len(self._lanes)
        for number in range(copies):
            update = Update(story, status, int(clock[1] + offset), pricing, copy=number > 0)
            due = clock[0] + wait + number * COPY_SECONDS
            self._push(due, lane, update)
        self._pending += copies

    def _push(self, due: float, lane: int, item: Update | Parcel) -> None:
        heapq.heappush(self._due, (due, next(self._order), lane, item))
        self._planned.set()

    async def _clock(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            while self._due and self._due[0][0] <= now:
                _, _, lane, item = heapq.heappop(self._due)
                if isinstance(item, Update):
                    if item.story.seen is not None:
                        item.story.seen.reached(item.status)
                    self._lanes[lane].put(item)
                else:
                    self._lanes[lane].put_again(item)
            await asyncio.sleep(TICK_SECONDS)
            if not self._due:
                self._planned.clear()
                await self._planned.wait()

    async def _work(self, lane: Lane) -> None:
        loop, limits = asyncio.get_running_loop(), self._settings.webhook
        while True:
            parcel = await lane.take(batch_max=limits.batch_max)
            if not await self._post(parcel, loop.time()):
                # While the webhook is away, updates gather here instead of in many small parcels.
                await asyncio.sleep(limits.retry_start_seconds)
            elif not lane.is_busy(limits.batch_max):
                await asyncio.sleep(lane.until_turn(loop.time(), of=len(self._lanes), every=GATHER_SECONDS))

    async def _post(self, parcel: Parcel, now: float) -> bool:
        body = self._written(parcel)
        plans = [update.story.special for update in parcel.updates if update.story.special is not None]
        if any(plan.forged for plan in plans):
            await self._forge(body, self.client.forged(body))
        self._posts += 1
        asked_at = time.perf_counter()
        taken = await self.client.post(body)
        self.acknowledgements.note(time.perf_counter() - asked_at)
        if taken:
            self._updates += len(parcel.updates)
            self._repeat_later(parcel, body, {seconds for plan in plans for seconds in plan.redeliver})
            self._finish(parcel)
        else:
            self._refused += 1
            self._try_again(parcel, now)
        return taken

    def _written(self, parcel: Parcel) -> bytes:
        """The bytes of one POST; what would make it larger than Meta's goes back to the lane."""
        if parcel.raw is not None:
            return parcel.raw
        body = self._writer.write(parcel.updates)
        while len(body) > POST_MAX_BYTES and len(parcel.updates) > 1:
            middle = len(parcel.updates) // 2
            self._lanes[parcel.lane].put_again(Parcel(parcel.lane, parcel.updates[middle:]))
            parcel.updates = parcel.updates[:middle]
            body = self._writer.write(parcel.updates)
        return body

    def _repeat_later(self, parcel: Parcel, body: bytes, after_seconds: set[float]) -> None:
        if parcel.raw is not None:
            self._repeats -= 1
            self._repeated += 1
        now = asyncio.get_running_loop().time()
        for seconds in sorted(after_seconds):
            if self._repeats < REPEATS_MAX:
                self._repeats += 1
                repeat = Parcel(parcel.lane, [], body)
                self._push(now + seconds, parcel.lane, repeat)

    async def _forge(self, body: bytes, signature: str | None) -> int:
        status = await self.client.answer(body, signature)
        self._forged += 1
        self._forged_taken += status == TAKEN
        return status

    def _try_again(self, parcel: Parcel, now: float) -> None:
        limits = self._settings.webhook
        parcel.first_at = parcel.first_at or now
        if now - parcel.first_at > limits.give_up_seconds:
            self._given_up += len(parcel.updates)
            self._repeats -= parcel.raw is not None
            self._finish(parcel)
            return
        wait = min(limits.retry_start_seconds * 2.0 ** min(parcel.tries, 30), limits.retry_cap_seconds)
        parcel.tries += 1
        self._push(now + wait, parcel.lane, parcel)

    def _finish(self, parcel: Parcel) -> None:
        self._pending -= len(parcel.updates)
        for update in parcel.updates:
            update.story.left -= 1
            if update.story.left == 0:
                self._settle(update.story)

    def _settle(self, story: Story) -> None:
        subject = story.subject
        if not story.settles:
            return
        if isinstance(subject, Send):
            self._done.append(subject.n)
            self._on_settled(subject)
        elif isinstance(subject, Inbound):
            self._told.append(subject.wamid)
        elif isinstance(subject, Announcement):
            self._told.append(subject.id)

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


def _lane_key(subject: Subject) -> int:
    """All updates of a message, and all texts of a person, keep to one lane and so to their order."""
    if isinstance(subject, Send):
        return subject.n
    return zlib.crc32((subject.phone if isinstance(subject, Inbound) else subject.waba_id).encode())
