"""All SQL of callback endpoints and of the queue of facts."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.callbacks.bundles import Bundle

_SHOWN = """id, tenant_id, is_first, url, events, description, max_updates, secret_hint, disabled_at, disabled_reason,
           case when old_secret_until > now() then old_secret_until end as old_secret_until,
           failing_since, created_at"""

_ADD = text(f"""
    insert into callback_endpoints (id, tenant_id, is_first, url, events, description, max_updates, secret, secret_hint)
    values (:id, :tenant_id, :is_first, :url, :events, :description, :max_updates, :secret, :secret_hint)
    returning {_SHOWN}
""")

# The first endpoint's row is the lock under which a tenant's endpoints are counted.
_LOCK = text("select id from callback_endpoints where tenant_id = :tenant_id and is_first for update")
_COUNT = text("select count(*) from callback_endpoints where tenant_id = :tenant_id")

_FIRST = text(f"select {_SHOWN} from callback_endpoints where tenant_id = :tenant_id and is_first")
_ALL = text(f"""
    select {_SHOWN} from callback_endpoints where tenant_id = :tenant_id order by is_first desc, created_at, id
""")
_FIND = text(f"select {_SHOWN} from callback_endpoints where tenant_id = :tenant_id and id = :id")

_CHANGE = text(f"""
    update callback_endpoints
       set url = :url, events = :events, description = :description, max_updates = :max_updates, changed_at = now(),
           failing_since = case when url = :url then failing_since end,
           last_failure_at = case when url = :url then last_failure_at end,
           rest_until = case when url = :url then rest_until end
     where tenant_id = :tenant_id and id = :id
    returning {_SHOWN}
""")
_ENABLE = text(f"""
    update callback_endpoints
       set disabled_at = null, disabled_reason = null, failing_since = null, last_failure_at = null, rest_until = null,
           changed_at = now()
     where tenant_id = :tenant_id and id = :id
    returning {_SHOWN}
""")
_DISABLE = text(f"""
    update callback_endpoints
       set disabled_at = coalesce(disabled_at, now()), disabled_reason = coalesce(disabled_reason, 'by_tenant'),
           changed_at = now()
     where tenant_id = :tenant_id and id = :id and url is not null
    returning {_SHOWN}
""")
_ROTATE = text(f"""
    update callback_endpoints
       set old_secret = case when :overlap_seconds > 0 then secret end,
           old_secret_until = case when :overlap_seconds > 0 then now() + make_interval(secs => :overlap_seconds) end,
           secret = :secret, secret_hint = :secret_hint, changed_at = now()
     where tenant_id = :tenant_id and id = :id and (:overlap_seconds = 0 or coalesce(old_secret_until < now(), true))
    returning {_SHOWN}
""")
_END_OVERLAP = text(f"""
    update callback_endpoints set old_secret = null, old_secret_until = null, changed_at = now()
     where tenant_id = :tenant_id and id = :id
    returning {_SHOWN}
""")
_REMOVE = text("delete from callback_endpoints where tenant_id = :tenant_id and id = :id and not is_first")
_REMOVE_DELIVERIES = text("delete from callback_deliveries where endpoint_id = :id")

# What waits for another attempt is tried at once, the oldest first. What is due within a lease (deliveries'
# schedule.Limits: 20 s) may be under way.
_HURRY = text("""
    with waiting as (
        select id from callback_deliveries
         where endpoint_id = any (cast(:ids as uuid[])) and dead_at is null and due_at > now() + interval '30 seconds'
         order by id for update
    )
    update callback_deliveries d set due_at = d.created_at from waiting where d.id = waiting.id
""")

# A bundle is logged once and waits at every endpoint whose filter lets some of its topics pass: a filter names the
# topic or what stands before its dot. `sequence` is handed out in the order of the caller's bundles.
_ENQUEUE = text("""
    with new as materialized (
        select nextval('callback_sequence') as sequence, one.*
          from unnest(cast(:tenant_ids as uuid[]), cast(:bundles as bytea[]), cast(:sizes as int[]))
               with ordinality as one (tenant_id, facts, size, number)
    ),
    wanted as materialized (
        select * from (
            select endpoint.id as endpoint_id, new.sequence, new.tenant_id, new.size,
                   case when endpoint.events is not null and cast(:only_to as uuid) is null then array(
                       select cast(place as smallint)
                         from unnest(cast(:numbers as int[]), cast(:topics as text[]), cast(:places as text[]))
                              as topic (number, name, places)
                        cross join unnest(string_to_array(topic.places, ',')) place
                        where topic.number = new.number
                          and endpoint.events && array[topic.name, split_part(topic.name, '.', 1)]
                        order by 1) end as places
              from new join callback_endpoints endpoint on endpoint.tenant_id = new.tenant_id
             where case when cast(:only_to as uuid) is not null then endpoint.id = :only_to
                        else endpoint.id <> all (cast(:not_to as uuid[])) end) each
         where places is distinct from '{}'
    ),
    logged as (
        insert into callback_log (tenant_id, sequence, facts)
        select tenant_id, sequence, facts from new where sequence in (select sequence from wanted) order by sequence
    )
    insert into callback_queue (endpoint_id, is_again, sequence, tenant_id, facts, places)
    select endpoint_id, false, sequence, tenant_id, coalesce(cardinality(places), size), places
      from wanted order by endpoint_id, sequence
""")

# Tests are queued alone. The latest thousand only: an endpoint that was down for days may have millions.
_WAITING = text("""
    with latest as (
        select * from callback_queue
         where endpoint_id = :id and not is_again order by is_again desc, sequence desc limit 1000
    )
    select count(*)
      from latest cross join lateral (
           select log.facts from callback_log log
            where log.tenant_id = latest.tenant_id and log.sequence = latest.sequence
              and log.made_at = latest.made_at offset 0) bundle
     where latest.facts = 1 and cast(convert_from(bundle.facts, 'UTF8') as json) -> 0 ->> 4 = :topic
""")


class EndpointRow(NamedTuple):
    id: UUID
    tenant_id: UUID
    is_first: bool
    url: str | None
    events: list[str] | None
    description: str | None
    max_updates: int
    secret_hint: str
    disabled_at: datetime | None
    disabled_reason: str | None
    old_secret_until: datetime | None
    failing_since: datetime | None
    created_at: datetime


async def add(
    connection: AsyncConnection,
    *,
    endpoint_id: UUID,
    tenant_id: UUID,
    is_first: bool,
    url: str | None,
    events: list[str] | None,
    description: str | None,
    max_updates: int,
    secret: bytes,
    secret_hint: str,
) -> EndpointRow:
    parameters = {
        "id": endpoint_id,
        "tenant_id": tenant_id,
        "is_first": is_first,
        "url": url,
        "events": events,
        "description": description,
        "max_updates": max_updates,
        "secret": secret,
        "secret_hint": secret_hint,
    }
    return EndpointRow(*(await connection.execute(_ADD, parameters)).one())


async def count_locked(connection: AsyncConnection, tenant_id: UUID) -> int:
    """How many endpoints the tenant has; nobody else adds one until the transaction ends."""
    await connection.execute(_LOCK, {"tenant_id": tenant_id})
    return int(await connection.scalar(_COUNT, {"tenant_id": tenant_id}))


async def first(connection: AsyncConnection, tenant_id: UUID) -> EndpointRow | None:
    row = (await connection.execute(_FIRST, {"tenant_id": tenant_id})).one_or_none()
    return None if row is None else EndpointRow(*row)


async def of_tenant(connection: AsyncConnection, tenant_id: UUID) -> list[EndpointRow]:
    """The first endpoint, then the others by age."""
    return [EndpointRow(*row) for row in await connection.execute(_ALL, {"tenant_id": tenant_id})]


async def find(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    return await _one(connection, _FIND, {"tenant_id": tenant_id, "id": endpoint_id})


async def change(
    connection: AsyncConnection,
    row: EndpointRow,
    *,
    url: str | None,
    events: list[str] | None,
    description: str | None,
    max_updates: int,
) -> EndpointRow | None:
    """Write the endpoint's settings; another address forgets what failed at the old one."""
    parameters = {
        "tenant_id": row.tenant_id,
        "id": row.id,
        "url": url,
        "events": events,
        "description": description,
        "max_updates": max_updates,
    }
    return await _one(connection, _CHANGE, parameters)


async def enable(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    return await _one(connection, _ENABLE, {"tenant_id": tenant_id, "id": endpoint_id})


async def disable(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    """The endpoint, disabled by its tenant or earlier; None also for one that has no URL yet."""
    return await _one(connection, _DISABLE, {"tenant_id": tenant_id, "id": endpoint_id})


async def rotate(
    connection: AsyncConnection,
    tenant_id: UUID,
    endpoint_id: UUID,
    *,
    secret: bytes,
    secret_hint: str,
    overlap_seconds: float,
) -> EndpointRow | None:
    """The endpoint with its new secret; None while an earlier overlap lasts, unless this one has none."""
    parameters = {
        "tenant_id": tenant_id,
        "id": endpoint_id,
        "secret": secret,
        "secret_hint": secret_hint,
        "overlap_seconds": overlap_seconds,
    }
    return await _one(connection, _ROTATE, parameters)


async def end_overlap(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> EndpointRow | None:
    return await _one(connection, _END_OVERLAP, {"tenant_id": tenant_id, "id": endpoint_id})


async def remove(connection: AsyncConnection, tenant_id: UUID, endpoint_id: UUID) -> bool:
    """Remove an endpoint and its deliveries; its facts are pruned. False where there is none, or it is the first."""
    removed = (await connection.execute(_REMOVE, {"tenant_id": tenant_id, "id": endpoint_id})).rowcount > 0
    if removed:
        await connection.execute(_REMOVE_DELIVERIES, {"id": endpoint_id})
    return removed


async def hurry(connection: AsyncConnection, endpoint_ids: Sequence[UUID]) -> None:
    await connection.execute(_HURRY, {"ids": list(endpoint_ids)})


async def enqueue(
    connection: AsyncConnection, bundles: Sequence[Bundle], *, not_to: Sequence[UUID] = (), only_to: UUID | None = None
) -> None:
    """Log bundles and let them wait for every endpoint that wants something of them.

    `only_to` gets them whatever it wants.
    """
    topics = [(number, topic) for number, bundle in enumerate(bundles, 1) for topic in bundle.places.items()]
    parameters = {
        "tenant_ids": [bundle.tenant_id for bundle in bundles],
        "bundles": [bundle.facts for bundle in bundles],
        "sizes": [bundle.size for bundle in bundles],
        "numbers": [number for number, _ in topics],
        "topics": [topic for _, (topic, _) in topics],
        "places": [",".join(map(str, places)) for _, (_, places) in topics],
        "not_to": list(not_to),
        "only_to": only_to,
    }
    await connection.execute(_ENQUEUE, parameters)


async def waiting(connection: AsyncConnection, endpoint_id: UUID, topic: str) -> int:
    """How many facts of a topic that were queued alone wait for the endpoint, among the latest thousand bundles."""
    return int(await connection.scalar(_WAITING, {"id": endpoint_id, "topic": topic}))


async def _one(connection: AsyncConnection, statement: object, parameters: Mapping[str, object]) -> EndpointRow | None:
    row = (await connection.execute(statement, parameters)).one_or_none()  # type: ignore[call-overload]  # text() each
    return None if row is None else EndpointRow(*row)
