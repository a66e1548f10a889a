"""Idempotency keys: each stands for one request and one message, whatever is repeated (architecture 3.1; hot path).

A request takes its key before it publishes and ends its lease after it. A repeat meets the same message id: the answer
when the first is finished, KeyInUse while its lease lives, and the id to publish again when it died in between.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.idempotency import repository
from services.gateway.idempotency.errors import KeyInUse, KeyOfAnotherRequest
from services.gateway.idempotency.repository import Claim, End
from services.kernel import periodic
from services.kernel.batcher import Batcher
from services.kernel.db import Database

__all__ = ["Claim", "IdempotencyKeys", "KeyInUse", "KeyOfAnotherRequest", "Taken", "prune_idempotency_keys"]

LEASE_SECONDS = 10.0  # longer than a publish may take
KEPT_HOURS = 72
PRUNE_EVERY_SECONDS = 60.0
PRUNE_MAX = 1_000  # keys in one statement: a few milliseconds

TICK_SECONDS = 0.025
BATCH_MAX = 500
PENDING_MAX = 5_000
RETRY_AFTER_SECONDS = 1


class Taken(NamedTuple):
    """The message of a key; `is_finished` when its acceptance was acknowledged before."""

    message_id: UUID
    is_finished: bool


class IdempotencyKeys:
    """Takes and ends keys through two group writers: one statement for many requests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._takes: Batcher[Claim, Taken] = Batcher(
            "idempotency takes", self._take, tick_seconds=TICK_SECONDS, batch_max=BATCH_MAX, pending_max=PENDING_MAX
        )
        self._ends: Batcher[End, None] = Batcher(
            "idempotency ends", self._end, tick_seconds=TICK_SECONDS, batch_max=BATCH_MAX, pending_max=PENDING_MAX
        )

    def start(self) -> None:
        self._takes.start()
        self._ends.start()

    async def stop(self) -> None:
        await asyncio.gather(self._takes.stop(), self._ends.stop())

    async def take(self, claim: Claim) -> Taken:
        """The message to publish, or the finished one; raises KeyInUse, KeyOfAnotherRequest, or a database error."""
        return await self._takes.submit(claim)

    async def finish(self, claim: Claim, message_id: UUID) -> None:
        """The acceptance was acknowledged: every repeat gets the same answer from now on."""
        await self._ends.submit(End(claim.tenant_id, claim.key_index, message_id, is_finished=True))

    async def release(self, claim: Claim, message_id: UUID) -> None:
        """The publish failed: a repeat may publish at once, under the same id."""
        await self._ends.submit(End(claim.tenant_id, claim.key_index, message_id, is_finished=False))

    async def finished(self, claim: Claim) -> UUID | None:
        """The message of an earlier request with this key and body, if its acceptance was acknowledged."""
        async with self._database.transaction() as connection:
            row = await repository.find(connection, claim.tenant_id, claim.key_index)
        if row is None or not row.is_finished or row.fingerprint != claim.fingerprint:
            return None
        message_id: UUID = row.message_id
        return message_id

    async def _take(self, claims: Sequence[Claim]) -> Sequence[Taken | Exception]:
        """Equal keys of one batch are one claim: the first stands for all, the others find its lease alive."""
        firsts: dict[tuple[UUID, str], Claim] = {}
        for claim in claims:
            firsts.setdefault((claim.tenant_id, claim.key_index), claim)
        async with self._database.transaction() as connection:
            rows = await repository.take(connection, list(firsts.values()), lease_seconds=LEASE_SECONDS)
        answers = dict(zip(firsts, rows, strict=True))
        return [
            judge(claim, answers[place], is_first=firsts[place] is claim)
            for claim in claims
            for place in [(claim.tenant_id, claim.key_index)]
        ]

    async def _end(self, ends: Sequence[End]) -> Sequence[None]:
        async with self._database.transaction() as connection:
            await repository.end(connection, ends)
        return [None] * len(ends)


def judge(claim: Claim, row: "Row[tuple[object, ...]]", *, is_first: bool) -> Taken | Exception:
    """What the row of its key means for a request; `is_first` where the row's lease was taken for this very claim."""
    if row.taken_id is not None and is_first:
        return Taken(row.taken_id, is_finished=False)
    if row.fingerprint is not None and row.fingerprint != claim.fingerprint:
        return KeyOfAnotherRequest("this Idempotency-Key was used for another request: use a new key for a new message")
    if row.is_finished and row.message_id is not None:
        return Taken(row.message_id, is_finished=True)
    return KeyInUse("a request with this Idempotency-Key is under way: repeat it later", RETRY_AFTER_SECONDS)


async def prune_idempotency_keys(connection: AsyncConnection) -> int:
    """Delete one batch of keys that are older than 72 h; returns how many (fewer than PRUNE_MAX: that was all)."""
    return await repository.prune(connection, hours=KEPT_HOURS, count=PRUNE_MAX)


async def prune(database: Database, stop: asyncio.Event) -> None:
    """Keep pruning, in batches, until `stop`."""

    async def batch() -> int:
        async with database.transaction() as connection:
            return await prune_idempotency_keys(connection)

    await periodic.every(
        PRUNE_EVERY_SECONDS, lambda: periodic.in_batches(batch, PRUNE_MAX), stop, name="idempotency keys"
    )
