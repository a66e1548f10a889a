"""What endpoints were told: kept for some days, and told again on demand under the same event ids."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.told import repository
from services.gateway.told.errors import NothingTold, RangeTooOld
from services.gateway.told.repository import Replayed, Told
from services.kernel import clock

__all__ = ["Replay", "Told", "called_back_at", "remember", "replay_message", "replay_range"]

KEPT_DAYS = 10  # a delivery is given up after three: a week is left to have its facts told again
REPLAY_FACTS_MAX = 5_000  # of one request: what one short transaction moves
MOMENT = timedelta(microseconds=1)
LOG_DAYS = 14  # of bundles. What waited for a week is kept another week; a replay waits as long as there is its bundle
AGAIN_DAYS = LOG_DAYS - 1
LOCK_CLASS = 0x63616C6C  # of advisory locks: "call". One at a time packs for an endpoint or queues its replays.
CLOCKS_APART = timedelta(minutes=10)  # at most: those of the processes and the database's


class Replay(NamedTuple):
    """What a request queued again; `resume_from` is where a range goes on that holds more."""

    queued: int
    already_waiting: int
    resume_from: datetime | None


async def remember(connection: AsyncConnection, rows: Sequence[Told]) -> None:
    """Keep what deliveries tell, for replays, in the transaction that makes them."""
    await repository.remember(connection, rows)


async def called_back_at(
    connection: AsyncConnection, tenant_id: UUID, message_id: UUID, *, since: datetime
) -> datetime | None:
    """When the first callback about a message was made that one of the tenant's endpoints has taken.

    `since`: when the message was accepted. None also when it is longer ago than what was told is kept.
    """
    return await repository.first_told(connection, tenant_id, message_id, since=since, apart=CLOCKS_APART)


async def replay_message(connection: AsyncConnection, endpoint_id: UUID, message_id: UUID) -> Replay:
    """Queue again what the endpoint was told of a message; raises NothingTold."""
    await repository.lock(connection, endpoint_id, lock_class=LOCK_CLASS)
    done = await repository.replay_message(connection, endpoint_id, message_id, since=_oldest(), apart=CLOCKS_APART)
    if done.found == 0:
        raise NothingTold(
            f"message_id: this endpoint was told nothing of such a message of yours in the last {KEPT_DAYS} days"
        )
    return Replay(done.queued, done.found - done.queued, None)


async def replay_range(
    connection: AsyncConnection, endpoint_id: UUID, *, since: datetime, until: datetime | None
) -> Replay:
    """Queue again what the endpoint was told in a range of time, the oldest first; raises RangeTooOld."""
    now = clock.now()
    if since < _oldest():
        raise RangeTooOld(f"from: what was told is kept for {KEPT_DAYS} days; give a later time")
    if since > now:
        raise RangeTooOld("from: this time is in the future; give the time from which on to tell again")
    end = min(until or now, now)
    await repository.lock(connection, endpoint_id, lock_class=LOCK_CLASS)
    done = await repository.replay_range(
        connection, endpoint_id, since=since, until=end, count=REPLAY_FACTS_MAX, apart=CLOCKS_APART
    )
    return Replay(done.queued, done.found - done.queued, _resume(done, end))


def _resume(done: Replayed, end: datetime) -> datetime | None:
    if done.chosen < REPLAY_FACTS_MAX or done.last_told_at is None or done.last_told_at + MOMENT >= end:
        return None
    return done.last_told_at + MOMENT


def _oldest() -> datetime:
    return clock.now() - timedelta(days=KEPT_DAYS)
