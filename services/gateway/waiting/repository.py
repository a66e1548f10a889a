"""All SQL of batches whose messages wait for consent and billing (hot path: a row for a whole batch)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_KEEP = text("""
    insert into waiting_batches (look_at, rounds, tenant_ids, message_ids)
    values (:look_at, :rounds, cast(:tenant_ids as uuid[]), cast(:message_ids as uuid[]))
""")

# After an outage there is a crowd of them: no more messages are taken than one short transaction can look at. What is
# locked here and not taken is for the next look.
_TAKE_DUE = text("""
    with due as materialized (
        select id, look_at, cardinality(message_ids) as size from waiting_batches
         where look_at <= now() order by look_at limit :count for update skip locked
    ), counted as (
        select id, sum(size) over (order by look_at, id) - size as before from due
    )
    delete from waiting_batches b using counted where b.id = counted.id and counted.before < :messages_max
    returning b.rounds, b.tenant_ids, b.message_ids
""")


class Batch(NamedTuple):
    """Messages that wait, by tenant and id, and how often their owners were told again."""

    look_at: datetime
    rounds: int
    subjects: Sequence[tuple[UUID, UUID]]


async def keep(connection: AsyncConnection, batch: Batch) -> None:
    """Look at these messages then."""
    parameters = {
        "look_at": batch.look_at,
        "rounds": batch.rounds,
        "tenant_ids": [tenant_id for tenant_id, _ in batch.subjects],
        "message_ids": [message_id for _, message_id in batch.subjects],
    }
    await connection.execute(_KEEP, parameters)


async def take_due(
    connection: AsyncConnection, *, count: int, messages_max: int
) -> Sequence[Row[tuple[int, list[UUID], list[UUID]]]]:
    """Take out batches whose time has come, the earliest first, until they hold `messages_max`; at least one."""
    return (await connection.execute(_TAKE_DUE, {"count": count, "messages_max": messages_max})).all()
