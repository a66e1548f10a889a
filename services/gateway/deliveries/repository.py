"""All SQL of deliveries (hot path): claims skip what others hold, every other set of rows is locked in key order."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.deliveries.due import BundleRow, Left
from services.gateway.deliveries.schedule import Reach

# A queue's statistics are always old. Without this an endpoint's whole backlog is read and sorted for its first rows.
WALK_INDEXES = text("""
    select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('enable_seqscan', 'off', true)
""")

# The endpoints of a queue that may be called, one index probe each, however many rows an endpoint has.
_ENDPOINTS_OF = """
    with recursive found as (
        (select endpoint_id from {table} where {condition} order by endpoint_id limit 1)
        union all
        select (select next.endpoint_id from {table} next
                 where next.endpoint_id > found.endpoint_id and {condition} order by next.endpoint_id limit 1)
          from found where found.endpoint_id is not null
    ),
    open_endpoints as (
        select endpoint.id, endpoint.url, endpoint.secret,
               case when endpoint.old_secret_until > now() then endpoint.old_secret end as old_secret
          from found join callback_endpoints endpoint on endpoint.id = found.endpoint_id
         where endpoint.url is not null and endpoint.disabled_at is null
           and (endpoint.rest_until is null or endpoint.rest_until <= now())
           and endpoint.id <> all (cast(:closed as uuid[]))
    )
"""

# One delivery of an endpoint at a time: an endpoint with many that wait does not fill a round. An older one that tells
# of the same people, and is due or under way, goes first.
CLAIM_DELIVERIES = text(
    _ENDPOINTS_OF.format(table="callback_deliveries", condition="dead_at is null")
    + """
    , due as materialized (
        select waiting.id, open_endpoints.url, open_endpoints.secret, open_endpoints.old_secret
          from open_endpoints cross join lateral (
               select delivery.id from callback_deliveries delivery
                where delivery.endpoint_id = open_endpoints.id and delivery.dead_at is null
                  and delivery.due_at <= now()
                  and not exists (
                      select 1 from callback_deliveries older
                       where older.endpoint_id = delivery.endpoint_id and older.dead_at is null
                         and older.due_at <= now() + make_interval(secs => :lease_seconds)
                         and older.id < delivery.id and older.conversations && delivery.conversations)
                order by delivery.due_at limit 1 for update skip locked) waiting
         limit :endpoints_max
    )
    update callback_deliveries delivery
       set attempt = delivery.attempt + 1, due_at = now() + make_interval(secs => :lease_seconds)
      from due where delivery.id = due.id
    returning delivery.id, delivery.tenant_id, delivery.endpoint_id, delivery.attempt, delivery.facts, delivery.body,
              due.url, due.secret, due.old_secret
"""
)

# One worker packs for an endpoint at a time, until it commits: only so can the next one see whose facts are under way.
LOCK_ENDPOINTS = text(
    _ENDPOINTS_OF.format(table="callback_queue", condition="true")
    + """
    select id from (select id from open_endpoints order by random() limit :endpoints_max offset 0) chosen
     where pg_try_advisory_xact_lock(:lock_class, hashtext(cast(id as text)))
"""
)

# `busy`: deliveries that hold back later facts of their people. Those are young, or due, or under way; an older one
# that waits for its next attempt holds back nobody, or one body that is never taken would silence its people for days.
# `head`: only so many facts are looked at, however many of them must wait; without bundles that were read and of whose
# people each is held back.
CLAIM_BUNDLES = text("""
    with mine as (
        select endpoint.id, endpoint.url, endpoint.secret, endpoint.max_updates, busy.conversations,
               greatest(wanted.places * least(endpoint.max_updates, :values_max), :facts_min) as facts_max,
               case when endpoint.old_secret_until > now() then endpoint.old_secret end as old_secret
          from unnest(cast(:endpoint_ids as uuid[]), cast(:places as int[])) as wanted (id, places)
          join callback_endpoints endpoint on endpoint.id = wanted.id
         cross join lateral (
               select coalesce(array_agg(told.conversation), '{}') as conversations,
                      count(distinct delivery.id) filter (
                          where delivery.created_at > now() - make_interval(secs => :order_seconds)) as young
                 from callback_deliveries delivery
                 left join lateral unnest(delivery.conversations) as told (conversation) on true
                where delivery.endpoint_id = endpoint.id and delivery.dead_at is null
                  and (delivery.created_at > now() - make_interval(secs => :order_seconds)
                       or delivery.due_at <= now() + make_interval(secs => :lease_seconds))) busy
         where busy.young < :window
    )
    select waiting.endpoint_id, waiting.tenant_id, waiting.is_again, waiting.sequence, waiting.made_at, waiting.places,
           waiting.conversations is null as is_unread, bundle.facts, mine.url, mine.secret, mine.old_secret,
           mine.max_updates, mine.conversations as busy
      from mine
     cross join lateral (
           select *, sum(facts) over (order by is_again, sequence) - facts as before
             from (select *, sum(facts) over (order by is_again, sequence) - facts as ahead
                     from (select * from callback_queue
                            where endpoint_id = mine.id order by is_again, sequence limit :head_max) nearest) head
            where ahead < :head_max
              and (conversations is null or not conversations <@ mine.conversations)) waiting
     cross join lateral (
           select log.facts from callback_log log
            where log.tenant_id = waiting.tenant_id and log.sequence = waiting.sequence
              and log.made_at = waiting.made_at offset 0) bundle
     where waiting.before < mine.facts_max
     order by waiting.endpoint_id, waiting.is_again, waiting.sequence
""")

REMOVE_BUNDLES = text("""
    delete from callback_queue waiting
     using unnest(cast(:endpoint_ids as uuid[]), cast(:agains as boolean[]), cast(:sequences as bigint[]))
           as told (endpoint, again, number)
     where endpoint_id = endpoint and is_again = again and sequence = number
""")

LEAVE_BUNDLES = text("""
    update callback_queue waiting
       set facts = cardinality(cast(rest.places as smallint[])), places = cast(rest.places as smallint[]),
           conversations = cast(rest.conversations as int[])
      from unnest(cast(:endpoint_ids as uuid[]), cast(:agains as boolean[]), cast(:sequences as bigint[]),
                  cast(:places as text[]), cast(:conversations as text[]))
           as rest (endpoint, again, number, places, conversations)
     where endpoint_id = endpoint and is_again = again and sequence = number
""")

# Arrays of arrays cannot be unnested, so each delivery's own arrays travel as text.
ADD_DELIVERIES = text("""
    insert into callback_deliveries (id, tenant_id, endpoint_id, body, facts, conversations, due_at)
    select new.id, new.tenant_id, new.endpoint_id, new.body, new.facts, cast(new.conversations as int[]),
           now() + make_interval(secs => :lease_seconds)
      from unnest(cast(:ids as uuid[]), cast(:tenant_ids as uuid[]), cast(:endpoint_ids as uuid[]),
                  cast(:bodies as bytea[]), cast(:facts as int[]), cast(:conversations as text[]))
           as new (id, tenant_id, endpoint_id, body, facts, conversations)
     order by new.id
""")

FINISH = text("""
    with done as (select id from callback_deliveries where id = any (cast(:ids as uuid[])) order by id for update)
    delete from callback_deliveries delivery using done where delivery.id = done.id
    returning delivery.facts
""")

# Only the latest attempt may say when the next one is: an older one lost its lease.
RESCHEDULE = text("""
    with failed as (
        select delivery.id, outcome.status, outcome.wait_seconds
          from callback_deliveries delivery
          join unnest(cast(:ids as uuid[]), cast(:attempts as int[]), cast(:statuses as int[]),
                      cast(:waits as float8[])) as outcome (id, attempt, status, wait_seconds)
            on outcome.id = delivery.id and outcome.attempt = delivery.attempt
         order by delivery.id for update of delivery
    )
    update callback_deliveries delivery
       set last_status = failed.status,
           due_at = now() + make_interval(secs => failed.wait_seconds),
           dead_at = case when now() + make_interval(secs => failed.wait_seconds)
                               > delivery.created_at + make_interval(secs => :give_up_seconds) then now() end
      from failed where delivery.id = failed.id
    returning delivery.dead_at is not null as is_dead
""")


class DeliveryRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    endpoint_id: UUID
    attempt: int
    facts: int
    body: bytes
    url: str
    secret: bytes
    old_secret: bytes | None

    def __repr__(self) -> str:
        return f"DeliveryRow({self.id}, attempt={self.attempt})"


class NewDelivery(NamedTuple):
    id: UUID
    tenant_id: UUID
    endpoint_id: UUID
    body: bytes
    facts: int
    conversations: list[int]


class Failure(NamedTuple):
    id: UUID
    attempt: int
    status: int
    wait_seconds: float


async def walk_indexes(connection: AsyncConnection) -> None:
    """Plan this transaction's statements for queues."""
    await connection.execute(WALK_INDEXES)


async def claim_deliveries(
    connection: AsyncConnection, *, closed: Sequence[UUID], endpoints_max: int, lease_seconds: float
) -> list[DeliveryRow]:
    """Lease deliveries whose next attempt is due, one an endpoint; their attempt is counted now."""
    rows = await connection.execute(
        CLAIM_DELIVERIES, {"closed": list(closed), "endpoints_max": endpoints_max, "lease_seconds": lease_seconds}
    )
    return [DeliveryRow(*row) for row in rows]


async def lock_endpoints(
    connection: AsyncConnection, *, closed: Sequence[UUID], endpoints_max: int, lock_class: int
) -> list[UUID]:
    """Some endpoints that have facts waiting and may be called; nobody else packs for them until the commit."""
    parameters = {"closed": list(closed), "endpoints_max": endpoints_max, "lock_class": lock_class}
    return list(await connection.scalars(LOCK_ENDPOINTS, parameters))


async def claim_bundles(
    connection: AsyncConnection, *, endpoint_ids: Sequence[UUID], places: Sequence[int], reach: Reach
) -> list[BundleRow]:
    """Bundles of locked endpoints, in the order in which they are told: what fills their places, or `facts_min`."""
    parameters = {"endpoint_ids": list(endpoint_ids), "places": list(places)} | reach._asdict()
    return [BundleRow(*row) for row in await connection.execute(CLAIM_BUNDLES, parameters)]


async def remove_bundles(connection: AsyncConnection, rows: Sequence[BundleRow]) -> None:
    await connection.execute(REMOVE_BUNDLES, _keys(rows))


async def leave_bundles(connection: AsyncConnection, rows: Sequence[Left]) -> None:
    rest = {
        "places": [_array(row.places) for row in rows],
        "conversations": [_array(row.conversations) for row in rows],
    }
    await connection.execute(LEAVE_BUNDLES, _keys(rows) | rest)


async def add_deliveries(
    connection: AsyncConnection, deliveries: Sequence[NewDelivery], *, lease_seconds: float
) -> None:
    """Store deliveries at their first attempt, leased to the caller."""
    parameters = {
        "ids": [delivery.id for delivery in deliveries],
        "tenant_ids": [delivery.tenant_id for delivery in deliveries],
        "endpoint_ids": [delivery.endpoint_id for delivery in deliveries],
        "bodies": [delivery.body for delivery in deliveries],
        "facts": [delivery.facts for delivery in deliveries],
        "conversations": [_array(delivery.conversations) for delivery in deliveries],
        "lease_seconds": lease_seconds,
    }
    await connection.execute(ADD_DELIVERIES, parameters)


async def finish(connection: AsyncConnection, ids: Sequence[UUID]) -> int:
    """Forget deliveries that were taken; how many facts were in them. One that somebody else finished has none."""
    return sum(row.facts for row in await connection.execute(FINISH, {"ids": list(ids)}))


async def reschedule(connection: AsyncConnection, failures: Sequence[Failure], *, give_up_seconds: float) -> int:
    """Plan the next attempts; returns how many deliveries were given up instead."""
    parameters = {
        "ids": [failure.id for failure in failures],
        "attempts": [failure.attempt for failure in failures],
        "statuses": [failure.status for failure in failures],
        "waits": [failure.wait_seconds for failure in failures],
        "give_up_seconds": give_up_seconds,
    }
    return sum(row.is_dead for row in await connection.execute(RESCHEDULE, parameters))


def _array(values: Sequence[object]) -> str:
    return "{" + ",".join(map(str, values)) + "}"


def _keys(rows: Sequence[BundleRow] | Sequence[Left]) -> dict[str, object]:
    return {
        "endpoint_ids": [row.endpoint_id for row in rows],
        "agains": [row.is_again for row in rows],
        "sequences": [row.sequence for row in rows],
    }
