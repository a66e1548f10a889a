"""What came of attempts, written in batches: delivered, to be tried again, or the endpoint is gone (hot path)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.attempts import service as attempts
from services.gateway.attempts.service import NewAttempt
from services.gateway.callbacks import service as callbacks
from services.gateway.deliveries import metrics, repository
from services.gateway.deliveries.packing import Post
from services.gateway.deliveries.repository import Failure
from services.gateway.deliveries.schedule import RESTING_STATUSES, Limits, backoff_seconds, is_slow, rest_seconds
from services.gateway.deliveries.sender import Answer
from services.gateway.endpoint_health import service as health
from services.gateway.endpoint_health.service import Failed
from services.gateway.keys.service import Keyring
from services.kernel.db import Database

GONE = 410


class Outcome(NamedTuple):
    """One attempt, when it began and how long it took."""

    post: Post
    answer: Answer
    tried_at: datetime
    seconds: float

    @property
    def is_delivered(self) -> bool:
        return 200 <= self.answer.status < 300

    @property
    def is_slow(self) -> bool:
        return is_slow(self.answer.status, self.answer.error)

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

    def __init__(self, database: Database, keyring: Keyring, limits: Limits) -> None:
        self._database = database
        self._keyring = keyring
        self._limits = limits

    async def write(self, outcomes: Sequence[Outcome]) -> Sequence[None]:
        delivered = [outcome for outcome in outcomes if outcome.is_delivered]
        failed = [outcome for outcome in outcomes if not outcome.is_delivered]
        log = await attempts.sealed(self._keyring, [_attempt(outcome) for outcome in outcomes])
        async with self._database.transaction() as connection:
            # Endpoints are locked before deliveries, as their tenants' own acts do.
            recovered = await health.note(
                connection,
                self._keyring,
                succeeded={outcome.post.endpoint_id for outcome in delivered},
                failed=[self._failed(outcome) for outcome in failed],
            )
            if delivered:
                ids = [outcome.post.delivery_id for outcome in delivered]
                metrics.FACTS_DELIVERED.inc(await repository.finish(connection, ids))
            if failed:
                await self._reschedule(connection, failed)
            if recovered:
                await callbacks.hurry(connection, recovered)
            await attempts.add(connection, log)
        return [None] * len(outcomes)

    async def _reschedule(self, connection: AsyncConnection, failed: Iterable[Outcome]) -> None:
        failures = [self._failure(outcome) for outcome in failed]
        dead = await repository.reschedule(connection, failures, give_up_seconds=self._limits.give_up_seconds)
        metrics.DEAD.inc(dead)

    def _failed(self, outcome: Outcome) -> Failed:
        post, answer = outcome.post, outcome.answer
        is_resting = answer.status in RESTING_STATUSES
        rest = rest_seconds(self._limits, answer.retry_after_seconds) if is_resting else 0.0
        return Failed(post.endpoint_id, post.url, answer.status == GONE, rest)

    def _failure(self, outcome: Outcome) -> Failure:
        post, answer = outcome.post, outcome.answer
        # A disabled endpoint is not called; whatever waits goes out as soon as the tenant enables it.
        wait = 0.0 if answer.status == GONE else self._wait(outcome)
        return Failure(post.delivery_id, post.attempt, answer.status, wait)

    def _wait(self, outcome: Outcome) -> float:
        return backoff_seconds(
            self._limits,
            outcome.post.attempt,
            slow=outcome.is_slow,
            retry_after_seconds=outcome.answer.retry_after_seconds,
        )


def _attempt(outcome: Outcome) -> NewAttempt:
    post, answer = outcome.post, outcome.answer
    return NewAttempt(
        endpoint_id=post.endpoint_id,
        tenant_id=post.tenant_id,
        delivery_id=post.delivery_id,
        attempt=post.attempt,
        facts=post.facts,
        tried_at=outcome.tried_at,
        milliseconds=round(outcome.seconds * 1_000),
        status=answer.status,
        error=answer.error,
        address=answer.address,
        heads=answer.heads,
    )
