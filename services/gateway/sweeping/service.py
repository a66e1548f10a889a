"""What time alone brings: lost calls, silence, expiry, and answers that never came."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.dispatch import results
from services.gateway.dispatch import service as dispatch
from services.gateway.dispatch.fates import CODE_UNKNOWN_OUTCOME
from services.gateway.dispatch.graph_client import CALL_TIMEOUT_SECONDS
from services.gateway.dispatch.results import CALL_WITHIN, Result
from services.gateway.messages import service as messages
from services.gateway.messages.service import Move
from services.gateway.messages.states import PROVISIONAL_REASON, State
from services.gateway.reports import service as reports
from services.gateway.sweeping import repository
from services.gateway.sweeping.metrics import SWEPT
from services.gateway.turns import service as turns
from services.gateway.waiting import service as waiting
from services.gateway.waiting.service import REPUBLISH_FIRST_SECONDS
from services.kernel import clock, periodic
from services.kernel.db import Database
from services.kernel.kafka.publisher import Publisher

EVERY_SECONDS = 1.0
BATCH_MAX = 500
CLAIMS_MAX = 200  # whose calls began together
LOOKS_MAX = 4  # at kept reports, each at BATCH_MAX: one that nobody owns is looked at some twenty times in its days
# A call that began at the last moment has ended by then.
CALL_MARGIN_SECONDS = 2.0
# Meta reports for seven days; then a message that was sent is taken for expired and its hold ends.
SILENCE_DAYS = 7
SILENCE_EVERY_SECONDS = 3_600.0
# Looked at again each time, for a message may be known as sent some days late; and by a worker that has just begun, for
# nobody may have looked since the last one ended.
SILENCE_BACK, SILENCE_FIRST_BACK = timedelta(days=2), timedelta(days=31)
# At a thousand messages a second ten minutes are half a million.
SILENCE_STRETCH_MIN, SILENCE_STRETCH_MAX = timedelta(minutes=10), timedelta(hours=4)
SILENCE_LOOK_SECONDS, SILENCE_QUICK_SECONDS = 0.2, 0.05


class Sweeper:
    """Moves on what waits for nobody; any number of workers may run one."""

    def __init__(
        self,
        *,
        database: Database,
        publisher: Publisher,
        unknown_grace_seconds: int,
        unknown_max_seconds: int,
        written: Callable[[], None],
        republish_first_seconds: float = REPUBLISH_FIRST_SECONDS,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._grace_seconds = unknown_grace_seconds
        self._max_seconds = unknown_max_seconds
        self._written = written
        self._republish_first_seconds = republish_first_seconds
        self._silence_at = 0.0
        self._silence_seen = timedelta()  # back from the youngest message that is out of reach
        self._silence_back = SILENCE_FIRST_BACK
        self._silence_stretch = SILENCE_STRETCH_MIN
        self._pair = turns.FIRST_PAIR

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep every second until `stop`."""
        await periodic.every(EVERY_SECONDS, self.sweep, stop, name="sweeper")

    async def sweep(self) -> None:
        """One round of everything."""
        counts = {
            "overdue": await self._turn_overdue_unknown(),
            "unknown": await self._give_up_unknown(),
            "expired": await self._expire(),
            "reports": await self._apply_kept_reports(),
            "republished": await self._publish_again(),
            "silent": await self._expire_silent(),
        }
        await self._forget_pairs()
        for what, count in counts.items():
            SWEPT.labels(what).inc(count)
        if any(counts.values()):
            self._written()

    async def _turn_overdue_unknown(self) -> int:
        """A `sending` whose call must have ended has lost its worker: nobody knows what became of it."""
        before = clock.now() - timedelta(seconds=CALL_TIMEOUT_SECONDS + CALL_MARGIN_SECONDS)
        async with self._database.transaction() as connection:
            rows = await repository.overdue(connection, before=before, count=CLAIMS_MAX)
            lost = [_lost(row) for row in rows]
            if lost:
                await results.write(connection, lost)
        return len(lost)

    async def _give_up_unknown(self) -> int:
        """No report named the message although reports of its number came: as far as we can know it was not sent."""
        now = clock.now()
        parameters = {
            "grace_before": now - timedelta(seconds=self._grace_seconds),
            "max_before": now - timedelta(seconds=self._max_seconds),
            "grace_seconds": self._grace_seconds,
            "count": BATCH_MAX,
        }
        async with self._database.transaction() as connection:
            rows = await repository.unknown_over(connection, parameters)
            await self._end(
                connection, [(row.tenant_id, row.message_id) for row in rows], State.FAILED, CODE_UNKNOWN_OUTCOME
            )
        return len(rows)

    async def _expire(self) -> int:
        async with self._database.transaction() as connection:
            rows = await repository.expired(connection, BATCH_MAX)
            await self._end(connection, [(row.tenant_id, row.message_id) for row in rows], State.EXPIRED)
        return len(rows)

    async def _apply_kept_reports(self) -> int:
        """Who sends past us may leave many that nobody owns: ours must not wait behind them."""
        known = 0
        for _ in range(LOOKS_MAX):
            async with self._database.transaction() as connection:
                applied = await reports.apply_kept(connection, BATCH_MAX)
                await dispatch.drop(connection, applied.waiting)
            known += len(applied.waiting)
            if not applied.is_more:
                break
        return known

    async def _publish_again(self) -> int:
        """Consent and billing answer again from their own databases; what was lost on the way comes back.

        What has waited for them too long expires.
        """
        async with self._database.transaction() as connection:
            due = await waiting.take_due(connection, first_seconds=self._republish_first_seconds)
            await self._expire_unpaid(connection, due.over)
            tenant_ids, message_ids = [one[0] for one in due.silent], [one[1] for one in due.silent]
            again = await messages.acceptances(connection, tenant_ids, message_ids)
        await self._publisher.publish(again)
        return len(again) + len(due.over)

    async def _expire_unpaid(self, connection: AsyncConnection, subjects: list[tuple[UUID, UUID]]) -> None:
        """Those that nobody has paid for since we looked: they are not in the queue."""
        ordered = sorted(subjects, key=lambda subject: subject[1])
        states = await messages.lock(connection, [tenant for tenant, _ in ordered], [id_ for _, id_ in ordered])
        await self._move(connection, [one for one in ordered if states[one[1]] < State.FUNDED], State.EXPIRED)

    async def _expire_silent(self) -> int:
        """Messages that are out of Meta's reach: every hour those of two days, and first of all those of a month.

        From the youngest back, a stretch at a time and not for long, so that the rest of the sweep comes again soon.
        """
        loop = asyncio.get_running_loop()
        if (began := loop.time()) < self._silence_at:
            return 0
        before = clock.now() - timedelta(days=SILENCE_DAYS)
        ended = long_lived = await self._expire_long_lived(before)
        while self._silence_seen < self._silence_back and loop.time() < began + SILENCE_LOOK_SECONDS:
            ended += await self._expire_stretch(before)
        if self._silence_seen >= self._silence_back and long_lived < BATCH_MAX:
            self._silence_at = began + SILENCE_EVERY_SECONDS
            self._silence_seen, self._silence_back = timedelta(), SILENCE_BACK
        return ended

    async def _expire_long_lived(self, before: datetime) -> int:
        async with self._database.transaction() as connection:
            since = before - self._silence_back
            rows = await messages.silent_long_lived(connection, since=since, until=before, count=BATCH_MAX)
            await self._move(connection, [(row.tenant_id, row.id) for row in rows], State.EXPIRED)
        return len(rows)

    async def _expire_stretch(self, before: datetime) -> int:
        """It is done when less is left than is taken at once; after a quick look the next stretch is twice as long."""
        until, stretch, began = before - self._silence_seen, self._silence_stretch, asyncio.get_running_loop().time()
        self._silence_stretch = SILENCE_STRETCH_MIN  # also where this look is broken off because it took too long
        async with self._database.transaction() as connection:
            since = until - stretch
            rows = await messages.silent(connection, since=since, until=until, expired_before=before, count=BATCH_MAX)
            await self._move(connection, [(row.tenant_id, row.id) for row in rows], State.EXPIRED)
        if len(rows) < BATCH_MAX:
            self._silence_seen += stretch
            if asyncio.get_running_loop().time() < began + SILENCE_QUICK_SECONDS:
                self._silence_stretch = min(2 * stretch, SILENCE_STRETCH_MAX)
        return len(rows)

    async def _forget_pairs(self) -> None:
        """A few of them each time, all of them in the end: a person who is written to no more needs no row."""
        async with self._database.transaction() as connection:
            self._pair = await turns.forget_pairs(connection, self._pair, BATCH_MAX)

    async def _end(
        self,
        connection: AsyncConnection,
        subjects: list[tuple[UUID, UUID]],
        state: State,
        code: int | None = None,
    ) -> None:
        if not subjects:
            return
        ordered = sorted(subjects, key=lambda subject: subject[1])
        await messages.lock(connection, [tenant for tenant, _ in ordered], [message for _, message in ordered])
        # A call that began since we looked keeps its message.
        dropped = await dispatch.drop(connection, [message for _, message in ordered])
        await self._move(connection, [subject for subject in ordered if subject[1] in dropped], state, code)

    async def _move(
        self, connection: AsyncConnection, subjects: list[tuple[UUID, UUID]], state: State, code: int | None = None
    ) -> None:
        now = clock.now()
        await results.end(
            connection,
            [Move(tenant, message, state, now, code=code, reason=PROVISIONAL_REASON) for tenant, message in subjects],
        )


def _lost(row: Row[Any]) -> Result:
    return Result(
        tenant_id=row.tenant_id,
        message_id=row.message_id,
        phone_number_id=row.phone_number_id,
        person=row.person,
        attempt=row.attempt,
        asked_at=row.call_before - CALL_WITHIN,
        outcome="unknown",
    )
