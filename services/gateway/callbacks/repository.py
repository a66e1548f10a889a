"""All SQL of callback endpoints and of the queue of facts."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

CREATE_ENDPOINT = text("""
    insert into callback_endpoints (tenant_id, secret, secret_hint) values (:tenant_id, :secret, :secret_hint)
""")

FIND_ENDPOINT = text("""
    select url, secret_hint, disabled_at from callback_endpoints where tenant_id = :tenant_id
""")

SET_URL = text("""
    update callback_endpoints set url = :url, disabled_at = null, changed_at = now() where tenant_id = :tenant_id
    returning url, secret_hint, disabled_at
""")

# A new address: what waits for another attempt is tried at once. What is due within a lease may be under way.
HURRY = text("""
    with waiting as (
        select id from callback_deliveries
         where tenant_id = :tenant_id and dead_at is null and due_at > now() + interval '1 minute'
         order by id for update
    )
    update callback_deliveries d set due_at = now() from waiting where d.id = waiting.id
""")

# Not sorted by key: `sequence` is handed out in the order of the caller's facts.
ENQUEUE = text("""
    insert into callback_facts (tenant_id, event_id, person, phone_number_id, kind, subject_id, occurred_at, content)
    select new.tenant_id, new.event_id, new.person, new.phone_number_id, new.kind, new.subject_id, new.occurred_at,
           new.content
      from unnest(cast(:tenant_ids as uuid[]), cast(:event_ids as uuid[]), cast(:people as text[]),
                  cast(:phone_number_ids as text[]), cast(:kinds as text[]), cast(:subject_ids as uuid[]),
                  cast(:times as timestamptz[]), cast(:contents as bytea[]))
           with ordinality as new (tenant_id, event_id, person, phone_number_id, kind, subject_id, occurred_at,
                                   content, position)
     order by new.position
    on conflict (tenant_id, event_id) do nothing
""")


class EndpointRow(NamedTuple):
    url: str | None
    secret_hint: str
    disabled_at: datetime | None


async def create_endpoint(connection: AsyncConnection, *, tenant_id: UUID, secret: bytes, secret_hint: str) -> None:
    await connection.execute(CREATE_ENDPOINT, {"tenant_id": tenant_id, "secret": secret, "secret_hint": secret_hint})


async def find_endpoint(connection: AsyncConnection, tenant_id: UUID) -> EndpointRow | None:
    row = (await connection.execute(FIND_ENDPOINT, {"tenant_id": tenant_id})).one_or_none()
    return None if row is None else EndpointRow(*row)


async def set_url(connection: AsyncConnection, *, tenant_id: UUID, url: str) -> EndpointRow | None:
    """The endpoint with its new address, enabled; None when the tenant has no endpoint row."""
    row = (await connection.execute(SET_URL, {"tenant_id": tenant_id, "url": url})).one_or_none()
    return None if row is None else EndpointRow(*row)


async def hurry(connection: AsyncConnection, tenant_id: UUID) -> None:
    await connection.execute(HURRY, {"tenant_id": tenant_id})


async def enqueue(connection: AsyncConnection, columns: dict[str, list[object]]) -> None:
    """Insert facts, given as one list a column; those that wait already stay as they are."""
    await connection.execute(ENQUEUE, columns)
