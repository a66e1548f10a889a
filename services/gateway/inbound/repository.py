"""All SQL of inbound messages: two halves, met in one row."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.contracts.conversations import Confirmation, InboundJudged
from services.kernel.contracts.inbound import InboundReceived

# Both statements return only rows that this statement made whole, so each row is returned once, by whichever half
# came last. Rows are touched in key order; the caller gives each key once.
STORE_RECEIVED = text("""
    insert into inbound_messages as old
           (tenant_id, id, phone_number_id, person, kind, wamid_index, wamid, content, occurred_at)
    select new.* from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:phone_number_ids as text[]),
                             cast(:people as text[]), cast(:kinds as text[]), cast(:wamid_indexes as text[]),
                             cast(:wamids as bytea[]), cast(:contents as bytea[]), cast(:times as timestamptz[]))
           as new (tenant_id, id, phone_number_id, person, kind, wamid_index, wamid, content, occurred_at)
     order by new.tenant_id, new.id
    on conflict (tenant_id, id) do update
       set kind = excluded.kind, wamid_index = excluded.wamid_index, wamid = excluded.wamid,
           content = excluded.content, occurred_at = excluded.occurred_at
     where old.content is null
    returning old.tenant_id, old.id, old.phone_number_id, old.person, old.occurred_at, old.window_expires_at,
              old.confirm
""")

STORE_JUDGED = text("""
    insert into inbound_messages as old (tenant_id, id, phone_number_id, person, window_expires_at, confirm)
    select new.* from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:phone_number_ids as text[]),
                             cast(:people as text[]), cast(:windows as timestamptz[]), cast(:confirms as text[]))
           as new (tenant_id, id, phone_number_id, person, window_expires_at, confirm)
     order by new.tenant_id, new.id
    on conflict (tenant_id, id) do update
       set window_expires_at = excluded.window_expires_at, confirm = excluded.confirm
     where old.window_expires_at is null
    returning old.tenant_id, old.id, old.phone_number_id, old.person, old.occurred_at, old.window_expires_at,
              old.confirm
""")

CONTENTS = text("""
    select m.id, m.kind, m.content
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as wanted (tenant_id, id)
      join inbound_messages m on m.tenant_id = wanted.tenant_id and m.id = wanted.id
""")

WAMIDS = text("""
    select m.id, m.phone_number_id, m.person, m.wamid
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as wanted (tenant_id, id)
      join inbound_messages m on m.tenant_id = wanted.tenant_id and m.id = wanted.id
     where m.wamid is not null
""")

KNOWN = text("""
    select m.id
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as wanted (tenant_id, id)
      join inbound_messages m on m.tenant_id = wanted.tenant_id and m.id = wanted.id
     where m.content is not null
""")

PRUNE = text("""
    with old as (
        select tenant_id, id from inbound_messages
         where stored_at < now() - make_interval(days => :days)
         order by stored_at limit :count for update skip locked
    )
    delete from inbound_messages m using old where m.tenant_id = old.tenant_id and m.id = old.id
""")


class Half(NamedTuple):
    """A row as it is now; whole when both times are known."""

    tenant_id: UUID
    id: UUID
    phone_number_id: str
    person: str
    occurred_at: datetime | None
    window_expires_at: datetime | None
    confirm: Confirmation | None


class Stored(NamedTuple):
    kind: str
    content: bytes


class SealedWamid(NamedTuple):
    """Meta's id of what a person wrote, sealed with webhook's data key, and where it came in."""

    phone_number_id: str
    person: str
    wamid: bytes


async def store_received(connection: AsyncConnection, events: Sequence[InboundReceived]) -> list[Half]:
    """Write the contents; returns the rows that had none before."""
    parameters = {
        "tenant_ids": [event.tenant_id for event in events],
        "ids": [event.inbound_id for event in events],
        "phone_number_ids": [event.phone_number_id for event in events],
        "people": [event.person for event in events],
        "kinds": [event.kind for event in events],
        "wamid_indexes": [event.wamid_index for event in events],
        "wamids": [event.wamid for event in events],
        "contents": [event.content for event in events],
        "times": [event.occurred_at for event in events],
    }
    return [Half(*row) for row in await connection.execute(STORE_RECEIVED, parameters)]


async def store_judged(connection: AsyncConnection, events: Sequence[InboundJudged]) -> list[Half]:
    """Write the windows; returns the rows that had none before."""
    parameters = {
        "tenant_ids": [event.tenant_id for event in events],
        "ids": [event.inbound_id for event in events],
        "phone_number_ids": [event.phone_number_id for event in events],
        "people": [event.person for event in events],
        "windows": [event.window_expires_at for event in events],
        "confirms": [event.confirm for event in events],
    }
    return [Half(*row) for row in await connection.execute(STORE_JUDGED, parameters)]


async def contents(
    connection: AsyncConnection, *, tenant_ids: Sequence[UUID], ids: Sequence[UUID]
) -> dict[UUID, Stored]:
    rows = await connection.execute(CONTENTS, {"tenant_ids": list(tenant_ids), "ids": list(ids)})
    return {row.id: Stored(row.kind, row.content) for row in rows}


async def wamids(
    connection: AsyncConnection, *, tenant_ids: Sequence[UUID], ids: Sequence[UUID]
) -> dict[UUID, SealedWamid]:
    rows = await connection.execute(WAMIDS, {"tenant_ids": list(tenant_ids), "ids": list(ids)})
    return {row.id: SealedWamid(row.phone_number_id, row.person, row.wamid) for row in rows}


async def known(connection: AsyncConnection, *, tenant_ids: Sequence[UUID], ids: Sequence[UUID]) -> set[UUID]:
    rows = await connection.execute(KNOWN, {"tenant_ids": list(tenant_ids), "ids": list(ids)})
    return {row.id for row in rows}


async def prune(connection: AsyncConnection, *, days: int, count: int) -> int:
    """Delete the oldest rows that were stored more than `days` ago; returns how many (fewer than `count`: all)."""
    return int((await connection.execute(PRUNE, {"days": days, "count": count})).rowcount)
