"""Claim, question, start, call, result: the one that sends (hot path).

The question and the calls of one claim never hold up the next claim; the bounded window is the number of messages
between claim and result in this process.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.contents import service as contents
from services.gateway.dispatch import metrics, repository, results
from services.gateway.dispatch.caller import Attempt, Caller, not_sent
from services.gateway.dispatch.questions import Answer, Questions
from services.gateway.dispatch.results import CALL_WITHIN, Result
from services.gateway.dispatch.window import WINDOW, Window
from services.gateway.turns import service as turns
from services.gateway.turns.service import Pair, Slots
from services.kernel import clock
from services.kernel.batcher import Batcher
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS, ServiceError, is_retryable
from services.kernel.logging import get_logger

# Time for question and start; a worker that dies here delays its messages by this much.
LEASE_SECONDS = 10.0
WAIT_SECONDS = 1.0
IDLE_SECONDS = 0.25
# Under load a claim carries more when it waits.
LOADED_SECONDS = 0.15
RESULT_TICK_SECONDS = 0.2
STEP_ASIDE_EVERY_SECONDS = 1.0
OUTAGE_SECONDS = 0.5
TOLD_EVERY_SECONDS = 1.0
# About a minute with the database's own time-outs; then the sweeper takes the message for ambiguous.
REPORT_ATTEMPTS_MAX = 60
DRAIN_SECONDS = 8.0
NO_BODY = b""  # cannot be opened, and so is not sent

FAILURES = (*DEPENDENCY_ERRORS, ServiceError)

_log = get_logger()


class Dispatcher:
    """One worker's hand in the dispatch queue."""

    def __init__(
        self, *, database: Database, questions: Questions, caller: Caller, written: Callable[[], None]
    ) -> None:
        """`written` is called when results are committed: the outbox and the callbacks have work."""
        self._database = database
        self._questions = questions
        self._caller = caller
        self._worker = uuid4()
        self._woken = asyncio.Event()
        self._window = Window(begin_within_seconds=CALL_WITHIN.total_seconds())
        self._step_aside_at = 0.0
        self._tell_at = 0.0
        self._carrying: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None
        self._written = written
        self._results: Batcher[Result, None] = Batcher(
            "dispatch_results",
            self._write_results,
            tick_seconds=RESULT_TICK_SECONDS,
            batch_max=WINDOW,
            pending_max=2 * WINDOW,
        )

    def wake(self) -> None:
        """There may be something to send."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until `stop`; then let what is under way end."""
        self._results.start()
        try:
            while not stop.is_set():
                await self._turn()
        finally:
            await self._drain()

    async def _turn(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._woken.clear()
        slots = self._window.slots()
        is_more = False
        if slots.all > 0:
            try:
                is_more = await self._claim(slots)
            except FAILURES as error:
                await self._outage(error)
        if is_more:
            self._window.hurry()
        else:
            await self._rest()

    async def _rest(self) -> None:
        """Gather under load, so that one claim carries more; else go on as soon as there may be something."""
        if self._window.is_loaded:
            await asyncio.sleep(LOADED_SECONDS)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self._woken.wait()

    async def _claim(self, slots: Slots) -> bool:
        """Whether there may be more at once."""
        async with self._database.transaction() as connection:
            rows, stuck, is_more = await turns.claim(
                connection,
                worker=self._worker,
                slots=slots,
                in_flight=self._window.of_number,
                lease_seconds=LEASE_SECONDS,
            )
            if stuck:
                await self._step_aside(connection, stuck)
        if rows:
            metrics.CLAIMED.inc(len(rows))
            self._window.enter(rows)
            task = asyncio.create_task(self._carry(rows))
            self._carrying.add(task)
            task.add_done_callback(self._carried)
        return is_more

    async def _step_aside(self, connection: AsyncConnection, stuck: list[str]) -> None:
        """Now and then: it is for who is written to so often that nobody else is seen."""
        now = time.monotonic()
        if now >= self._step_aside_at:
            self._step_aside_at = now + STEP_ASIDE_EVERY_SECONDS
            metrics.ASIDE.inc(await turns.step_aside(connection, stuck))

    def _carried(self, task: asyncio.Task[None]) -> None:
        self._carrying.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._fault = task.exception()
            self._woken.set()

    async def _carry(self, rows: Sequence[Row[Any]]) -> None:
        """Take one claim through question, start and calls; on an outage its leases run out by themselves."""
        started: list[Attempt] = []
        asked_at, asked_monotonic = clock.now(), time.monotonic()
        try:
            started = await self._judge(rows, asked_at)
        except FAILURES as error:
            await self._outage(error)
        finally:
            self._window.began(len(rows), seconds=time.monotonic() - asked_monotonic)
            going = {attempt.row.message_id for attempt in started}
            self._window.leave([row for row in rows if row.message_id not in going])
        await self._call(started, start_before=asked_monotonic + CALL_WITHIN.total_seconds())

    async def _judge(self, rows: Sequence[Row[Any]], asked_at: datetime) -> list[Attempt]:
        """Ask consent, and start what it lets go."""
        verdicts = await self._ask(rows)
        await self._give_back([row for row, verdict in verdicts if verdict.answer == "wait"])
        await self._stop([(row, verdict) for row, verdict in verdicts if verdict.answer == "stop"])
        return await self._start_surely([row for row, verdict in verdicts if verdict.answer == "send"], asked_at)

    async def _ask(self, rows: Sequence[Row[Any]]) -> list[tuple[Row[Any], Answer]]:
        """Consent's word on each row; no word is "wait"."""
        try:
            answers = await self._questions.ask(rows)
        except FAILURES as error:
            await self._outage(error)
            answers = [Answer(message_id=row.message_id, answer="wait") for row in rows]
        return list(zip(rows, answers, strict=True))

    async def _give_back(self, rows: Sequence[Row[Any]]) -> None:
        if not rows:
            return
        metrics.CONSENT_WAITS.inc(len(rows))
        async with self._database.transaction() as connection:
            given = await repository.give_back(
                connection, ids=[row.message_id for row in rows], worker=self._worker, delay_seconds=WAIT_SECONDS
            )
            await turns.change(connection, pairs=[Pair(row.phone_number_id, row.person, refund=1) for row in given])

    async def _stop(self, stopped: Sequence[tuple[Row[Any], Answer]]) -> None:
        """Consent says no: the message ends here, before its call."""
        if stopped:
            async with self._database.transaction() as connection:
                await results.stop(connection, stopped, worker=self._worker)

    async def _start_surely(self, rows: Sequence[Row[Any]], asked_at: datetime) -> list[Attempt]:
        """Start; where the database failed in the middle, whatever was started is known not to be called."""
        try:
            return await self._start(rows, asked_at)
        except FAILURES as error:
            await self._outage(error)
        unmade = [Attempt(row, row.attempt + 1, asked_at, NO_BODY) for row in rows]
        await asyncio.gather(*(self._report(not_sent(attempt)) for attempt in unmade))
        return []

    async def _start(self, rows: Sequence[Row[Any]], asked_at: datetime) -> list[Attempt]:
        """Record the attempts; only what the database says has started may be called."""
        if not rows:
            return []
        ids, call_before = sorted(row.message_id for row in rows), asked_at + CALL_WITHIN
        async with self._database.transaction() as connection:
            started = await repository.start(connection, ids=ids, worker=self._worker, call_before=call_before)
            bodies = await contents.bodies(
                connection, [row.tenant_id for row in started], [row.message_id for row in started]
            )
        attempts: dict[UUID, int] = {row.message_id: row.attempt for row in started}
        return [
            Attempt(row, attempts[id_], asked_at, bodies.get(id_, NO_BODY))
            for row in rows
            if (id_ := row.message_id) in attempts
        ]

    async def _call(self, attempts: Sequence[Attempt], *, start_before: float) -> None:
        await asyncio.gather(*(self._call_one(attempt, start_before, of=len(attempts)) for attempt in attempts))

    async def _call_one(self, attempt: Attempt, start_before: float, *, of: int) -> None:
        # Each leaves the window by itself: one slow answer must not hold the places of a whole claim.
        try:
            began = time.perf_counter()
            result = await self._caller.call(attempt, start_before=start_before)
            metrics.GRAPH_SECONDS.observe(time.perf_counter() - began)
            if result.refund and time.monotonic() > start_before:
                self._window.was_late(of=of)
            await self._report(result)
        finally:
            self._window.leave([attempt.row])

    async def _report(self, result: Result) -> None:
        """Write down a result, through an outage; without it the message would count as ambiguous."""
        for _ in range(REPORT_ATTEMPTS_MAX):
            try:
                return await self._results.submit(result)
            except FAILURES as error:
                await self._outage(error)
        _log.error("a result could not be written", message_id=result.message_id, outcome=result.outcome)
        return None

    async def _write_results(self, batch: Sequence[Result]) -> Sequence[None]:
        async with self._database.transaction() as connection:
            await results.write(connection, batch)
        self._written()
        self._woken.set()  # the next messages of these people may go
        return [None] * len(batch)

    async def _outage(self, error: Exception) -> None:
        if not is_retryable(error):
            raise error
        if time.monotonic() >= self._tell_at:  # each of hundreds that wait meets it, twice a second
            self._tell_at = time.monotonic() + TOLD_EVERY_SECONDS
            _log.warning("dispatch met an outage", error_class=type(error).__name__)
        await asyncio.sleep(OUTAGE_SECONDS)

    async def _drain(self) -> None:
        if self._carrying:
            await asyncio.wait(self._carrying, timeout=DRAIN_SECONDS)
        await self._results.stop()
