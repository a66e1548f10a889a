"""What came of attempts, written in batches: delivered, to be tried again, or the endpoint is gone (hot path)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deliveries import metrics, repository
from services.gateway.deliveries.packing import Post
from services.gateway.deliveries.repository import Failure
from services.gateway.deliveries.schedule import Limits, backoff_seconds
from services.gateway.deliveries.sender import Answer
from services.gateway.messages import service as messages
from services.kernel import clock
from services.kernel.db import Database

GONE = 410


class Outcome(NamedTuple):
    post: Post
    answer: Answer

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.answer.status < 300

    @property
    def name(self) -> str:
        """For the metric: delivered, gone, status_4xx, or the kind of failure."""
        if self.is_delivered:
            return "delivered"
        if self.answer.status == GONE:
            return "gone"
        return f"status_{self.answer.status // 100}xx" if self.answer.status else self.answer.error


class Outcomes:
    """Writes outcomes; several attempts, one transaction."""

    def __init__(self, database: Database, limits: Limits) -> None:
        self._database = database
        self._limits = limits

    async def write(self, outcomes: Sequence[Outcome]) -> Sequence[None]:
        delivered = [outcome for outcome in outcomes if outcome.is_delivered]
        failed = [outcome for outcome in outcomes if not outcome.is_delivered]
        async with self._database.transaction() as connection:
            if delivered:
                await self._finish(connection, delivered)
            if failed:
                await self._reschedule(connection, failed)
        return [None] * len(outcomes)

    async def _finish(self, connection: AsyncConnection, delivered: Iterable[Outcome]) -> None:
        done = await repository.finish(connection, [outcome.post.delivery_id for outcome in delivered])
        pairs = [(one.tenant_id, message_id) for one in done for message_id in one.message_ids]
        if pairs:
            await messages.mark_called_back(
                connection,
                tenant_ids=[tenant_id for tenant_id, _ in pairs],
                message_ids=[message_id for _, message_id in pairs],
                at=clock.now(),
            )
        metrics.FACTS_DELIVERED.inc(sum(one.facts for one in done))

    async def _reschedule(self, connection: AsyncConnection, failed: Iterable[Outcome]) -> None:
        gone = [outcome.post for outcome in failed if outcome.answer.status == GONE]
        if gone:
            disabled = await repository.disable(
                connection, tenant_ids=[post.tenant_id for post in gone], urls=[post.url for post in gone]
            )
            metrics.DISABLED.inc(disabled)
        failures = [self._failure(outcome) for outcome in failed]
        dead = await repository.reschedule(connection, failures, give_up_seconds=self._limits.give_up_seconds)
        metrics.DEAD.inc(dead)

    def _failure(self, outcome: Outcome) -> Failure:
        post, answer = outcome
        # A disabled endpoint is not called; whatever waits goes out as soon as the tenant gives a new address.
        wait = 0.0 if answer.status == GONE else backoff_seconds(self._limits, post.attempt, answer.retry_after_seconds)
        return Failure(post.delivery_id, post.attempt, answer.status, wait)
