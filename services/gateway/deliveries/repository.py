"""All SQL of deliveries (hot path): claims skip locked rows, every other set of rows is locked in key order."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# A queue's statistics are always old. Without this a tenant's whole backlog is read and sorted to find its first rows.
WALK_INDEXES = text("""
    select set_config('enable_sort', 'off', true), set_config('enable_bitmapscan', 'off', true),
           set_config('enable_seqscan', 'off', true)
""")

# The tenants of a queue, one index probe each, however many rows a tenant has.
_TENANTS_OF = """
    with recursive tenants as (
        (select tenant_id from {table} where {condition} order by tenant_id limit 1)
        union all
        select (select next.tenant_id from {table} next
                 where next.tenant_id > tenants.tenant_id and {condition} order by next.tenant_id limit 1)
          from tenants where tenants.tenant_id is not null
    ),
    open_tenants as (
        select endpoint.tenant_id, endpoint.url, endpoint.secret
          from tenants join callback_endpoints endpoint on endpoint.tenant_id = tenants.tenant_id
         where endpoint.url is not null and endpoint.disabled_at is null
           and endpoint.tenant_id <> all (cast(:closed as uuid[]))
    )
"""

# One delivery of a tenant at a time: a tenant with many that wait does not fill a round.
CLAIM_DELIVERIES = text(
    _TENANTS_OF.format(table="callback_deliveries", condition="dead_at is null")
    + """
    , due as materialized (
        select waiting.id, open_tenants.url, open_tenants.secret
          from open_tenants cross join lateral (
               select id from callback_deliveries
                where tenant_id = open_tenants.tenant_id and dead_at is null and due_at <= now()
                order by due_at limit 1 for update skip locked) waiting
         limit :tenants_max
    )
    update callback_deliveries delivery
       set attempt = delivery.attempt + 1, due_at = now() + make_interval(secs => :lease_seconds)
      from due where delivery.id = due.id
    returning delivery.id, delivery.tenant_id, delivery.attempt, delivery.body, due.url, due.secret
"""
)

CLAIM_FACTS = text(
    _TENANTS_OF.format(table="callback_facts", condition="true")
    + """
    select fact.*, ready.url, ready.secret
      from (select * from open_tenants order by random() limit :tenants_max) ready
           cross join lateral (
           select tenant_id, event_id, phone_number_id, kind, subject_id, occurred_at, content, enqueued_at
             from callback_facts
            where tenant_id = ready.tenant_id and due_at <= now()
            order by sequence limit :values_max for update skip locked) fact
"""
)

DEFER_FACTS = text("""
    update callback_facts fact set due_at = now() + make_interval(secs => :defer_seconds)
      from unnest(cast(:tenant_ids as uuid[]), cast(:event_ids as uuid[])) as mine (tenant_id, event_id)
     where fact.tenant_id = mine.tenant_id and fact.event_id = mine.event_id
""")

REMOVE_FACTS = text("""
    delete from callback_facts fact
     using unnest(cast(:tenant_ids as uuid[]), cast(:event_ids as uuid[])) as mine (tenant_id, event_id)
     where fact.tenant_id = mine.tenant_id and fact.event_id = mine.event_id
""")

# Arrays of arrays cannot be unnested, so each delivery's message ids travel as an array's text.
ADD_DELIVERIES = text("""
    insert into callback_deliveries (id, tenant_id, body, facts, message_ids, due_at)
    select new.id, new.tenant_id, new.body, new.facts, cast(new.message_ids as uuid[]),
           now() + make_interval(secs => :lease_seconds)
      from unnest(cast(:ids as uuid[]), cast(:tenant_ids as uuid[]), cast(:bodies as bytea[]), cast(:facts as int[]),
                  cast(:message_ids as text[])) as new (id, tenant_id, body, facts, message_ids)
     order by new.id
""")

FINISH = text("""
    with done as (select id from callback_deliveries where id = any (cast(:ids as uuid[])) order by id for update)
    delete from callback_deliveries delivery using done where delivery.id = done.id
    returning delivery.tenant_id, delivery.message_ids, delivery.facts
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

# Only where the address that answered is still the tenant's.
DISABLE = text("""
    with gone as (
        select endpoint.tenant_id from callback_endpoints endpoint
          join unnest(cast(:tenant_ids as uuid[]), cast(:urls as text[])) as answered (tenant_id, url)
            on answered.tenant_id = endpoint.tenant_id and answered.url = endpoint.url
         where endpoint.disabled_at is null order by endpoint.tenant_id for update of endpoint
    )
    update callback_endpoints endpoint set disabled_at = now() from gone where endpoint.tenant_id = gone.tenant_id
    returning endpoint.tenant_id
""")

PRUNE_FACTS = text("""
    with recursive tenants as (
        (select tenant_id from callback_facts order by tenant_id limit 1)
        union all
        select (select next.tenant_id from callback_facts next
                 where next.tenant_id > tenants.tenant_id order by next.tenant_id limit 1)
          from tenants where tenants.tenant_id is not null
    ),
    old as materialized (
        select first.tenant_id, first.event_id
          from tenants cross join lateral (
               select tenant_id, event_id, enqueued_at from callback_facts
                where tenant_id = tenants.tenant_id order by sequence limit 1000 for update skip locked) first
         where first.enqueued_at < now() - make_interval(secs => :keep_seconds)
    )
    delete from callback_facts fact using old where fact.tenant_id = old.tenant_id and fact.event_id = old.event_id
""")

PRUNE_DELIVERIES = text("""
    with old as (
        select id from callback_deliveries where dead_at < now() - make_interval(secs => :keep_seconds)
         order by id limit 1000 for update skip locked
    )
    delete from callback_deliveries delivery using old where delivery.id = old.id
""")

# Also what was never tried again, because its endpoint is disabled or its key is gone.
GIVE_UP = text("""
    with old as (
        select id from callback_deliveries
         where dead_at is null and created_at < now() - make_interval(secs => :give_up_seconds)
         order by id limit 1000 for update skip locked
    )
    update callback_deliveries delivery set dead_at = now() from old where delivery.id = old.id
""")


class FactRow(NamedTuple):
    tenant_id: UUID
    event_id: UUID
    phone_number_id: str
    kind: str
    subject_id: UUID
    occurred_at: datetime
    content: bytes
    enqueued_at: datetime
    url: str
    secret: bytes


class DeliveryRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    attempt: int
    body: bytes
    url: str
    secret: bytes


class NewDelivery(NamedTuple):
    id: UUID
    tenant_id: UUID
    body: bytes
    facts: int
    message_ids: list[UUID]


class Delivered(NamedTuple):
    tenant_id: UUID
    message_ids: list[UUID]
    facts: int


class Failure(NamedTuple):
    id: UUID
    attempt: int
    status: int
    wait_seconds: float


class Pruned(NamedTuple):
    """How many deliveries were given up, facts dropped and dead deliveries removed."""

    dead: int
    facts: int
    deliveries: int


async def walk_indexes(connection: AsyncConnection) -> None:
    """Plan this transaction's statements for queues."""
    await connection.execute(WALK_INDEXES)


async def claim_deliveries(
    connection: AsyncConnection, *, closed: Sequence[UUID], tenants_max: int, lease_seconds: float
) -> list[DeliveryRow]:
    """Lease deliveries whose next attempt is due, one a tenant; their attempt is counted now."""
    rows = await connection.execute(
        CLAIM_DELIVERIES, {"closed": list(closed), "tenants_max": tenants_max, "lease_seconds": lease_seconds}
    )
    return [DeliveryRow(*row) for row in rows]


async def claim_facts(
    connection: AsyncConnection, *, closed: Sequence[UUID], tenants_max: int, values_max: int
) -> list[FactRow]:
    """Lock due facts of some tenants, up to `values_max` each, in the order they were enqueued."""
    rows = await connection.execute(
        CLAIM_FACTS, {"closed": list(closed), "tenants_max": tenants_max, "values_max": values_max}
    )
    return [FactRow(*row) for row in rows]


async def defer_facts(connection: AsyncConnection, facts: Sequence[FactRow], *, defer_seconds: float) -> None:
    await connection.execute(DEFER_FACTS, _keys(facts) | {"defer_seconds": defer_seconds})


async def remove_facts(connection: AsyncConnection, facts: Sequence[FactRow]) -> None:
    await connection.execute(REMOVE_FACTS, _keys(facts))


async def add_deliveries(
    connection: AsyncConnection, deliveries: Sequence[NewDelivery], *, lease_seconds: float
) -> None:
    """Store deliveries at their first attempt, leased to the caller."""
    parameters = {
        "ids": [delivery.id for delivery in deliveries],
        "tenant_ids": [delivery.tenant_id for delivery in deliveries],
        "bodies": [delivery.body for delivery in deliveries],
        "facts": [delivery.facts for delivery in deliveries],
        "message_ids": ["{" + ",".join(map(str, delivery.message_ids)) + "}" for delivery in deliveries],
        "lease_seconds": lease_seconds,
    }
    await connection.execute(ADD_DELIVERIES, parameters)


async def finish(connection: AsyncConnection, ids: Sequence[UUID]) -> list[Delivered]:
    """Remove delivered deliveries; those that another attempt removed before are not in the answer."""
    return [Delivered(*row) for row in await connection.execute(FINISH, {"ids": list(ids)})]


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


async def disable(connection: AsyncConnection, *, tenant_ids: Sequence[UUID], urls: Sequence[str]) -> int:
    """Call these tenants no more at these addresses; returns how many endpoints that disabled."""
    rows = await connection.execute(DISABLE, {"tenant_ids": list(tenant_ids), "urls": list(urls)})
    return len(rows.all())


async def prune(connection: AsyncConnection, *, keep_seconds: float, give_up_seconds: float) -> Pruned:
    """Give up and remove what is too old, a bounded number at a time."""
    dead = await connection.execute(GIVE_UP, {"give_up_seconds": give_up_seconds})
    facts = await connection.execute(PRUNE_FACTS, {"keep_seconds": keep_seconds})
    deliveries = await connection.execute(PRUNE_DELIVERIES, {"keep_seconds": keep_seconds})
    return Pruned(dead.rowcount, facts.rowcount, deliveries.rowcount)


def _keys(facts: Sequence[FactRow]) -> dict[str, object]:
    return {"tenant_ids": [fact.tenant_id for fact in facts], "event_ids": [fact.event_id for fact in facts]}
