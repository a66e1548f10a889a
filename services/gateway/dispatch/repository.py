"""All SQL of the dispatch queue; locks go messages, queue, buckets, pairs, each in key order (hot path)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# A bucket is opened with the first message of its number. A message comes once: with the second half of its row.
_ENQUEUE = text("""
    with new as (
        select * from unnest(
               cast(:ids as uuid[]), cast(:tenant_ids as uuid[]), cast(:phone_number_ids as text[]),
               cast(:persons as text[]), cast(:lanes as smallint[]), cast(:positions as bigint[]),
               cast(:expires as timestamptz[]))
            as new (message_id, tenant_id, phone_number_id, person, lane, position, expires_at)
    ), opened as (
        insert into number_buckets (phone_number_id, tokens)
        select n.phone_number_id, n.messages_per_second from numbers n
         where n.phone_number_id in (select phone_number_id from new)
           and not exists (select 1 from number_buckets b where b.phone_number_id = n.phone_number_id)
         order by 1
        on conflict do nothing
    )
    insert into dispatch_queue (message_id, tenant_id, phone_number_id, person, lane, position, expires_at, due_at)
    select new.*, now() from new
""")

_DROP = text("""
    with l as (select message_id from dispatch_queue
                where message_id = any(cast(:ids as uuid[])) and call_before is null order by message_id for update)
    delete from dispatch_queue q using l where q.message_id = l.message_id
    returning q.message_id
""")

# Unlike a message whose fate is known, one that is cancelled must not be under way in any sense.
_WITHDRAW = text("""
    with l as (select message_id, coalesce(lease_until > now(), false) as was_leased from dispatch_queue
                where message_id = :id and call_before is null and unknown_since is null for update)
    delete from dispatch_queue q using l where q.message_id = l.message_id
    returning l.was_leased
""")

# A procedure, whose plan is made once (migration 0014).
_START = text("select * from start_calls(cast(:ids as uuid[]), :worker, :call_before)")

_GIVE_BACK = text("""
    with l as (select q.message_id from dispatch_queue q
                where q.message_id = any(cast(:ids as uuid[])) and q.worker = :worker order by q.message_id for update)
    update dispatch_queue q set worker = null, lease_until = null,
           due_at = now() + make_interval(secs => :delay_seconds)
      from l where q.message_id = l.message_id
    returning q.message_id, q.phone_number_id, q.person
""")

# Only the attempt that is still the present one has a say. Its message leaves, waits until `due_at`, or is unknown.
# Keys are probed, in the order of the ids: while the queue is empty, a join may be planned as all with all. Not places:
# who waited for a lock would not see what stands there now.
_SETTLE = text("""
    with mine as materialized (
        select q.*, new.due_at, new.is_unknown, new.was_called
          from unnest(cast(:ids as uuid[]), cast(:attempts as int[]), cast(:due as timestamptz[]),
                      cast(:unknown as boolean[]), cast(:called as boolean[]))
               as new (message_id, attempt, due_at, is_unknown, was_called)
         cross join lateral (
               select one.message_id, one.attempt, one.call_before is not null as was_sending
                 from dispatch_queue one
                where one.message_id = new.message_id and one.attempt = new.attempt
                  and (one.call_before is not null or one.unknown_since is not null)
                  for update) q
    ), gone as (
        delete from dispatch_queue q
         where q.message_id = any(array(select message_id from mine where due_at is null and not is_unknown))
    ), changed as (
        update dispatch_queue q set call_before = null, due_at = coalesce(mine.due_at, q.due_at),
               was_called = q.was_called or mine.was_called,
               unknown_since = case when mine.is_unknown then cast(:at as timestamptz) end
          from mine where q.message_id = mine.message_id
           and q.message_id = any(array(select message_id from mine where due_at is not null or is_unknown))
    )
    select message_id, attempt, was_sending from mine
""")

_DELETE = text("delete from dispatch_queue where message_id = any(cast(:ids as uuid[]))")

Columns = dict[str, Any]


async def enqueue(connection: AsyncConnection, columns: Columns) -> None:
    """Put messages into the queue that are whole and paid for."""
    await connection.execute(_ENQUEUE, columns)


async def drop(connection: AsyncConnection, ids: list[UUID]) -> set[UUID]:
    """Take messages out that will not be sent; returns them. One whose call may be under way stays."""
    return {row.message_id for row in await connection.execute(_DROP, {"ids": ids})}


async def withdraw(connection: AsyncConnection, id_: UUID) -> bool | None:
    """Take out a message that no call was begun for: whether somebody was about to; None when it cannot be taken."""
    return (await connection.execute(_WITHDRAW, {"id": id_})).scalar_one_or_none()


async def start(
    connection: AsyncConnection, *, ids: list[UUID], worker: UUID, call_before: datetime
) -> Sequence[Row[Any]]:
    """Record the attempts of those whose lease still lives."""
    parameters = {"ids": ids, "worker": worker, "call_before": call_before}
    return (await connection.execute(_START, parameters)).all()


async def give_back(
    connection: AsyncConnection, *, ids: list[UUID], worker: UUID, delay_seconds: float
) -> Sequence[Row[Any]]:
    """End leases of messages that were not started; returns those that were still ours."""
    parameters = {"ids": ids, "worker": worker, "delay_seconds": delay_seconds}
    return (await connection.execute(_GIVE_BACK, parameters)).all()


async def settle(connection: AsyncConnection, columns: Columns, *, at: datetime) -> Sequence[Row[Any]]:
    """Let attempts end that are still the present ones, given in the order of ids; returns those of them.

    `was_sending`: a call was under way.
    """
    return (await connection.execute(_SETTLE, {**columns, "at": at})).all()


async def delete(connection: AsyncConnection, ids: list[UUID]) -> None:
    await connection.execute(_DELETE, {"ids": ids})
