"""The delivery loop: facts that tenants have not heard are packed, posted, and posted again until taken (hot path).

One transaction a round claims what is due; posts run beside it, a few at a time for each endpoint; results are written
in batches. A worker that dies loses nothing: its leases run out, and the same id and body are posted again.
"""

import asyncio
import time
from contextlib import suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.service import AddressRules, listen
from services.gateway.deliveries import metrics, repository
from services.gateway.deliveries.outcomes import Outcome, Outcomes
from services.gateway.deliveries.packing import Packer, Post, Round
from services.gateway.deliveries.repository import DeliveryRow
from services.gateway.deliveries.resolver import CheckedResolver
from services.gateway.deliveries.schedule import Lanes, Limits
from services.gateway.deliveries.sender import Sender
from services.gateway.endpoint_health import service as health
from services.gateway.keys.service import Keyring
from services.gateway.leftovers import service as leftovers
from services.gateway.tenants.service import Directory
from services.kernel import clock
from services.kernel.batcher import Batcher
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS, ServiceError, is_retryable
from services.kernel.logging import get_logger

__all__ = ["Deliveries", "Limits"]

FAILURES = (*DEPENDENCY_ERRORS, ServiceError)
OUTAGE_PAUSE_SECONDS = 0.5
BROKEN_PAUSE_SECONDS = 60.0
DRAIN_SECONDS = 5.0
PRUNE_EVERY_SECONDS = 60.0
RESULT_TICK_SECONDS = 0.1
RESULT_BATCH_MAX = 200
LOADED_PAUSE_SECONDS = 0.1
LOADED_FACTS = 20  # a round that packed this much is followed by a pause to gather more

_log = get_logger()


class Deliveries:
    """The task of a gateway worker that calls tenants back; `run` it until the stop event."""

    def __init__(
        self,
        *,
        database: Database,
        keyring: Keyring,
        directory: Directory,
        rules: AddressRules,
        public_url: str,
        limits: Limits | None = None,
        resolver: CheckedResolver | None = None,
    ) -> None:
        self._database = database
        self._limits = limits or Limits()
        self._rules = rules
        self._resolver = resolver
        self._packer = Packer(keyring=keyring, directory=directory, limits=self._limits, public_url=public_url)
        self._lanes = Lanes(self._limits)
        self._bell = asyncio.Event()
        self._freed = asyncio.Event()  # a lane of an endpoint that has facts left
        self._left: frozenset[UUID] = frozenset()
        self._again_at = 0.0  # monotonic
        self._posting: set[asyncio.Task[None]] = set()
        self._fault: BaseException | None = None  # a bug in a post: the process ends and is restarted
        self._results: Batcher[Outcome, None] = Batcher(
            "callback_results",
            Outcomes(database, keyring, self._limits).write,
            tick_seconds=RESULT_TICK_SECONDS,
            batch_max=RESULT_BATCH_MAX,
            pending_max=2 * self._limits.in_flight_max,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop`, then give what is under way a few seconds."""
        sender = Sender(
            timeout_seconds=self._limits.timeout_seconds,
            rules=self._rules,
            resolver=self._resolver or CheckedResolver(rules=self._rules),
        )
        self._results.start()
        deaf = listen(self._bell.set)
        try:
            await self._loop(sender, stop)
        finally:
            deaf()
            await self._drain()
            await sender.close()

    async def _loop(self, sender: Sender, stop: asyncio.Event) -> None:
        prune_at = time.monotonic()
        while not stop.is_set():
            self._bell.clear()
            self._freed.clear()
            if self._fault is not None:
                raise self._fault
            try:
                done = await self._round(sender)
                if time.monotonic() >= prune_at:
                    prune_at = time.monotonic() + PRUNE_EVERY_SECONDS
                    await self._prune()
            except FAILURES as error:
                if not is_retryable(error):
                    raise
                _log.warning("callbacks met an outage", error_class=type(error).__name__)
                await asyncio.sleep(OUTAGE_PAUSE_SECONDS)
                continue
            await self._rest(done)

    async def _rest(self, done: Round) -> None:
        """Gather under load; when idle, go on as soon as something is enqueued or a lane becomes free.

        Gathering ends as soon as an endpoint that has facts left has a lane for them.
        """
        loaded = done.facts >= LOADED_FACTS
        if loaded:
            await asyncio.sleep(LOADED_PAUSE_SECONDS)
        if done.is_full:
            return
        bell, seconds = (
            (self._freed, self._limits.gather_seconds) if loaded else (self._bell, self._limits.idle_seconds)
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await bell.wait()

    async def _round(self, sender: Sender) -> Round:
        """Claim once and start the posts; what an endpoint has waiting longest goes first."""
        limits = self._limits
        if len(self._posting) >= limits.in_flight_max:
            return Round([], [])
        began_at = clock.now()
        async with self._database.transaction() as connection:
            await repository.walk_indexes(connection)
            await self._forgive(connection)
            closed = self._lanes.closed()
            rows = await self._due_again(connection, closed)
            repeated = await self._packer.unseal(rows)
            new = await self._packer.pack(connection, closed + [row.endpoint_id for row in rows], self._lanes.places)
        for endpoint_id in repeated.broken + new.broken:
            self._lanes.pause(endpoint_id, BROKEN_PAUSE_SECONDS, since=began_at)
        self._left = new.left
        for post in repeated.posts + new.posts:
            self._start(sender, post)
        return new

    async def _forgive(self, connection: AsyncConnection) -> None:
        """Whoever changed an endpoint since it failed wants it called at once."""
        if paused := self._lanes.paused():
            for endpoint_id in await health.changed_since(connection, paused):
                self._lanes.succeeded(endpoint_id)

    async def _due_again(self, connection: AsyncConnection, closed: list[UUID]) -> list[DeliveryRow]:
        """Deliveries whose next attempt is due; while there are none, they are looked for now and then only."""
        if time.monotonic() < self._again_at:
            return []
        limits = self._limits
        rows = await repository.claim_deliveries(
            connection, closed=closed, endpoints_max=limits.endpoints_max, lease_seconds=limits.lease_seconds
        )
        self._again_at = 0.0 if rows else time.monotonic() + limits.again_seconds
        return rows

    def _start(self, sender: Sender, post: Post) -> None:
        self._lanes.enter(post.endpoint_id)
        task = asyncio.get_running_loop().create_task(self._deliver(sender, post), name="callback")
        self._posting.add(task)
        task.add_done_callback(self._ended)
        metrics.IN_FLIGHT.set(len(self._posting))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._posting.discard(task)
        metrics.IN_FLIGHT.set(len(self._posting))
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fault = error

    async def _deliver(self, sender: Sender, post: Post) -> None:
        """The lane is free as soon as the endpoint has answered: its people are busy until the result is written."""
        try:
            outcome = await self._attempt(sender, post)
        finally:
            self._lanes.leave(post.endpoint_id)
            self._ring_for(post)
        await self._settle(outcome)
        self._bell.set()
        self._ring_for(post)

    def _ring_for(self, post: Post) -> None:
        if post.endpoint_id in self._left:
            self._freed.set()

    async def _attempt(self, sender: Sender, post: Post) -> Outcome:
        tried_at, began = clock.now(), time.perf_counter()
        answer = await sender.post(post)
        outcome = Outcome(post, answer, tried_at, time.perf_counter() - began)
        metrics.ATTEMPT_SECONDS.observe(outcome.seconds)
        metrics.ATTEMPTS.labels(outcome.name).inc()
        if outcome.is_delivered:
            self._lanes.succeeded(post.endpoint_id)
        else:
            self._lanes.failed(post.endpoint_id, tried_at=tried_at, slow=outcome.is_slow)
        return outcome

    async def _settle(self, outcome: Outcome) -> None:
        try:
            await self._results.submit(outcome)
        except FAILURES as error:
            if not is_retryable(error):
                raise
            # The lease runs out and the same delivery is posted again.
            _log.warning("callback result is not stored", error_class=type(error).__name__)

    async def _prune(self) -> None:
        limits = self._limits
        pruned = await leftovers.prune(
            self._database, keep_seconds=limits.keep_seconds, give_up_seconds=limits.give_up_seconds
        )
        metrics.DEAD.inc(pruned.dead)
        metrics.FACTS_DROPPED.labels("too_old").inc(pruned.facts)
        metrics.DELIVERIES_DROPPED.inc(pruned.deliveries)

    async def _drain(self) -> None:
        if self._posting:
            await asyncio.wait(self._posting, timeout=DRAIN_SECONDS)
        for task in self._posting:
            task.cancel()
        await self._results.stop(DRAIN_SECONDS)
