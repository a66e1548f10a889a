"""Messages that wait for consent and billing, a batch at a time: noted when stored, looked at when it is time.

Nothing is written when they are answered: whoever looks sees it in the messages' states.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.messages import service as messages
from services.gateway.waiting import repository
from services.gateway.waiting.repository import Batch
from services.kernel import clock

# A message that consent or billing has not answered for this long is published again; then after twice as long.
REPUBLISH_FIRST_SECONDS = 120.0
DOUBLINGS_MAX = 10
BATCHES_MAX = 200  # of one look
MESSAGES_MAX = 5_000  # of one look, which comes every second: all of them may have to be published, bodies and all
BATCH_MESSAGES_MAX = 1_000  # what is silent together must not grow into one batch that no look can take

Subject = tuple[UUID, UUID]  # tenant and message


class Due(NamedTuple):
    """Of which consent and billing say nothing, and whose time is over."""

    silent: list[Subject]
    over: list[Subject]


async def note(connection: AsyncConnection, rows: Iterable[Row[Any]]) -> None:
    """These messages were just stored, and nobody has paid for them yet."""
    await _keep(connection, rows, pause_seconds=REPUBLISH_FIRST_SECONDS, rounds=0)


async def take_due(connection: AsyncConnection, *, first_seconds: float) -> Due:
    """Messages that have waited for their time; those that go on waiting will be looked at after twice as long."""
    now = clock.now()
    batches = await repository.take_due(connection, count=BATCHES_MAX, messages_max=MESSAGES_MAX)
    rounds = {id_: batch.rounds for batch in batches for id_ in batch.message_ids}
    unpaid = await messages.unpaid(
        connection,
        [tenant_id for batch in batches for tenant_id in batch.tenant_ids],
        [message_id for batch in batches for message_id in batch.message_ids],
    )
    silent: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in unpaid:
        if row.expires_at > now:
            silent[rounds[row.id] + 1].append(row)
    for times, rows in silent.items():
        pause_seconds = first_seconds * 2 ** min(times, DOUBLINGS_MAX)
        await _keep(connection, rows, pause_seconds=pause_seconds, rounds=times)
    return Due(
        silent=[(row.tenant_id, row.id) for rows in silent.values() for row in rows],
        over=[(row.tenant_id, row.id) for row in unpaid if row.expires_at <= now],
    )


async def _keep(connection: AsyncConnection, rows: Iterable[Row[Any]], *, pause_seconds: float, rounds: int) -> None:
    later = clock.now() + timedelta(seconds=pause_seconds)
    groups: dict[datetime, list[Subject]] = defaultdict(list)
    for row in rows:
        look_at = later if row.expires_at >= later else _whole_second(row.expires_at)
        groups[look_at].append((row.tenant_id, row.id))
    for look_at, subjects in groups.items():
        for start in range(0, len(subjects), BATCH_MESSAGES_MAX):
            await repository.keep(connection, Batch(look_at, rounds, subjects[start : start + BATCH_MESSAGES_MAX]))


def _whole_second(moment: datetime) -> datetime:
    """Up to a second later: messages with short lives of their own share their batches."""
    return datetime.fromtimestamp(ceil(moment.timestamp()), moment.tzinfo)
