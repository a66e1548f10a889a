"""All SQL that removes what callbacks leave behind, a bounded number at a time."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

BATCH_MAX = 1_000

# A queue's statistics are always old.
_WALK_INDEXES = text("""
    select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('enable_seqscan', 'off', true)
""")

# An endpoint that was removed keeps nothing. A replay waits longer than what was never told.
_PRUNE_FACTS = text("""
    with recursive endpoints as (
        (select endpoint_id from callback_queue order by endpoint_id limit 1)
        union all
        select (select next.endpoint_id from callback_queue next
                 where next.endpoint_id > endpoints.endpoint_id order by next.endpoint_id limit 1)
          from endpoints where endpoints.endpoint_id is not null
    ),
    old as materialized (
        select first.endpoint_id, first.is_again, first.sequence
          from endpoints
         cross join (values (false, cast(:keep_seconds as float8)), (true, cast(:again_seconds as float8)))
               as kept (is_again, seconds)
          left join callback_endpoints known on known.id = endpoints.endpoint_id
         cross join lateral (
               select endpoint_id, is_again, sequence, made_at from callback_queue
                where endpoint_id = endpoints.endpoint_id and is_again = kept.is_again
                order by sequence limit :count for update skip locked) first
         where known.id is null or first.made_at < now() - make_interval(secs => kept.seconds)
         limit :count
    )
    delete from callback_queue waiting using old
     where waiting.endpoint_id = old.endpoint_id and waiting.is_again = old.is_again
       and waiting.sequence = old.sequence
    returning waiting.facts
""")

# Also what was never tried again, because its endpoint is disabled or its key is gone.
_GIVE_UP = text("""
    with old as (
        select id from callback_deliveries
         where dead_at is null and created_at < now() - make_interval(secs => :give_up_seconds)
         order by id limit :count for update skip locked
    )
    update callback_deliveries delivery set dead_at = now() from old where delivery.id = old.id
""")

_PRUNE_DELIVERIES = text("""
    with old as (
        select id from callback_deliveries where dead_at < now() - make_interval(secs => :keep_seconds)
         order by dead_at limit :count for update skip locked
    )
    delete from callback_deliveries delivery using old where delivery.id = old.id
""")


async def walk_indexes(connection: AsyncConnection) -> None:
    """Plan this transaction's statements for queues."""
    await connection.execute(_WALK_INDEXES)


async def prune_facts(connection: AsyncConnection, *, keep_seconds: float, again_seconds: float) -> list[int]:
    """Drop what nobody asked for in time: at most BATCH_MAX bundles; returns how many facts waited of each."""
    parameters = {"keep_seconds": keep_seconds, "again_seconds": again_seconds, "count": BATCH_MAX}
    return list(await connection.scalars(_PRUNE_FACTS, parameters))


async def give_up(connection: AsyncConnection, *, give_up_seconds: float) -> int:
    result = await connection.execute(_GIVE_UP, {"give_up_seconds": give_up_seconds, "count": BATCH_MAX})
    return int(result.rowcount)


async def prune_deliveries(connection: AsyncConnection, *, keep_seconds: float) -> int:
    result = await connection.execute(_PRUNE_DELIVERIES, {"keep_seconds": keep_seconds, "count": BATCH_MAX})
    return int(result.rowcount)
