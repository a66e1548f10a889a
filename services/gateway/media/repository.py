"""All SQL of media: one row a file; claims skip locked rows, every other set of rows is locked in key order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# The sum and the insert of one tenant are one act: the lock ends with the transaction.
_LOCK_QUOTA = text("select pg_advisory_xact_lock(hashtextextended(:quota, 0))")
_KEPT = text("""
    select coalesce(sum(bytes), 0) as bytes, count(*) filter (where state = 'ready') as files from media
     where tenant_id = :tenant_id and direction = :direction and state in ('pending', 'ready')
""")

_ADD_UPLOAD = text("""
    insert into media (tenant_id, id, direction, state, phone_number_id, mime, bytes, expires_at)
    values (:tenant_id, :id, 'uploaded', 'pending', :phone_number_id, :mime, :bytes, :expires_at)
""")

# What came long ago (a replay of the topic) is no longer at Meta.
_ADD_INBOUND = text("""
    insert into media (tenant_id, id, direction, state, phone_number_id, inbound_id, created_at, expires_at)
    select new.tenant_id, new.id, 'inbound', 'pending', new.phone_number_id, new.inbound_id, new.at,
           new.at + make_interval(days => :meta_days)
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[]), cast(:phone_number_ids as text[]),
                  cast(:inbound_ids as uuid[]), cast(:times as timestamptz[]))
           as new (tenant_id, id, phone_number_id, inbound_id, at)
     order by new.tenant_id, new.id
    on conflict do nothing
""")

_FINISH = text("""
    update media set state = 'ready', mime = :mime, bytes = :size, details = :details, lease_until = null,
                     usable_until = :usable_until, expires_at = :expires_at
     where tenant_id = :tenant_id and id = :id and state = 'pending' and attempt = :attempt
    returning id
""")

_DROP = text("delete from media where tenant_id = :tenant_id and id = :id and state = 'pending' and attempt = :attempt")

_AGAIN = text("""
    update media set due_at = now() + make_interval(secs => :wait_seconds), lease_until = null
     where tenant_id = :tenant_id and id = :id and state = 'pending' and attempt = :attempt
""")

_END = text("""
    update media set state = :state, error_code = :error_code, lease_until = null, details = null
     where tenant_id = :tenant_id and id = :id and state = 'pending' and attempt = :attempt
""")

_FIND = text("""
    select id, direction, state, phone_number_id, mime, bytes, details, expires_at, usable_until
      from media where tenant_id = :tenant_id and id = :id
""")

_HURRY = text("""
    update media set due_at = now()
     where tenant_id = :tenant_id and id = :id and state = 'pending' and direction = 'inbound' and due_at > now()
       and lease_until is null and (tried_at is null or tried_at < now() - make_interval(secs => :pause_seconds))
""")

# An accepted message may still name an upload at Meta: its id is kept for so long.
_DELETE = text("""
    update media set state = 'deleted', lease_until = null, due_at = now() + make_interval(secs => :at_meta_seconds),
           details = case when direction = 'uploaded' then details end
     where tenant_id = :tenant_id and id = :id and state in ('pending', 'ready', 'failed')
    returning id
""")

_WITHDRAW = text("""
    with due as (
        select tenant_id, id, details from media
         where state = 'deleted' and details is not null and due_at < now()
         order by due_at limit :count for update skip locked
    )
    update media set details = null from due where media.tenant_id = due.tenant_id and media.id = due.id
    returning media.tenant_id, media.id, media.phone_number_id, due.details
""")

_USABLE = text("""
    select media.tenant_id, media.id, media.phone_number_id, media.details, media.usable_until
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
      join media on media.tenant_id = asked.tenant_id and media.id = asked.id
     where media.state = 'ready' and media.usable_until > now()
""")

# One index probe a tenant, in no order, and a few files of each: many that one person sent hold up nobody else's.
_CLAIM = text("""
    with recursive tenants as (
        (select tenant_id from media where state = 'pending' and direction = 'inbound' order by tenant_id limit 1)
        union all
        select (select next.tenant_id from media next
                 where next.tenant_id > tenants.tenant_id and next.state = 'pending' and next.direction = 'inbound'
                 order by next.tenant_id limit 1)
          from tenants where tenants.tenant_id is not null
    ),
    due as materialized (
        select waiting.tenant_id, waiting.id
          from (select tenant_id from tenants
                 where tenant_id is not null and tenant_id <> all (cast(:closed as uuid[])) order by random()) open
               cross join lateral (
               select tenant_id, id from media
                where tenant_id = open.tenant_id and state = 'pending' and direction = 'inbound' and due_at <= now()
                order by due_at limit :per_tenant for update skip locked) waiting
         limit :slots
    )
    update media
       set attempt = media.attempt + 1, tried_at = now(), lease_until = now() + make_interval(secs => :lease_seconds),
           due_at = now() + make_interval(secs => :lease_seconds)
      from due where media.tenant_id = due.tenant_id and media.id = due.id
    returning media.tenant_id, media.id, media.phone_number_id, media.inbound_id, media.attempt, media.created_at,
              media.expires_at
""")

_EXPIRE = text("""
    with old as (
        select tenant_id, id from media
         where state in ('pending', 'ready') and expires_at < now() and (lease_until is null or lease_until < now())
         order by expires_at limit :count for update skip locked
    )
    update media set state = 'expired', details = null from old
     where media.tenant_id = old.tenant_id and media.id = old.id
    returning media.tenant_id, media.id
""")

# Uploads that were cut off by a crash: nobody was told their ids.
_DROP_CUT_OFF = text("""
    with old as (
        select tenant_id, id from media
         where direction = 'uploaded' and state = 'pending' and created_at < now() - make_interval(secs => :seconds)
         order by created_at limit :count for update skip locked
    )
    delete from media using old where media.tenant_id = old.tenant_id and media.id = old.id
""")

# What became of a file stays known for a while; then its row goes too.
_FORGET = text("""
    with old as (
        select tenant_id, id from media
         where state in ('expired', 'failed', 'deleted') and expires_at < now() - make_interval(days => :days)
         order by expires_at limit :count for update skip locked
    )
    delete from media using old where media.tenant_id = old.tenant_id and media.id = old.id
""")

_OWNED = text("""
    select media.tenant_id, media.id
      from unnest(cast(:tenant_ids as uuid[]), cast(:ids as uuid[])) as asked (tenant_id, id)
      join media on media.tenant_id = asked.tenant_id and media.id = asked.id
     where media.state in ('pending', 'ready')
""")


class Arrival(NamedTuple):
    """A file that a person sent and that Meta still has."""

    tenant_id: UUID
    id: UUID
    phone_number_id: str
    inbound_id: UUID
    at: datetime


class Claim(NamedTuple):
    """A file to be fetched, by whoever made this attempt."""

    tenant_id: UUID
    id: UUID
    phone_number_id: str
    inbound_id: UUID
    attempt: int
    created_at: datetime
    expires_at: datetime


class Kept(NamedTuple):
    """How much one tenant stores in one direction."""

    size: int
    files: int


class Usable(NamedTuple):
    """A file that Meta still knows; `details` is sealed."""

    tenant_id: UUID
    id: UUID
    phone_number_id: str
    details: bytes
    usable_until: datetime


class Finished(NamedTuple):
    """What is known of a stored file; `details` is sealed, Meta knows its id until `usable_until`."""

    tenant_id: UUID
    id: UUID
    attempt: int
    mime: str
    size: int
    details: bytes
    usable_until: datetime
    expires_at: datetime


async def kept(connection: AsyncConnection, *, tenant_id: UUID, direction: str) -> Kept:
    """What the tenant stores; nobody else adds to it until the caller's transaction ends."""
    await connection.execute(_LOCK_QUOTA, {"quota": f"media {direction} {tenant_id}"})
    found = await connection.execute(_KEPT, {"tenant_id": tenant_id, "direction": direction})
    return Kept(*found.one())


async def add_upload(connection: AsyncConnection, columns: dict[str, Any]) -> None:
    await connection.execute(_ADD_UPLOAD, columns)


async def add_inbound(connection: AsyncConnection, arrivals: Sequence[Arrival], *, meta_days: int) -> None:
    columns = {
        "tenant_ids": [arrival.tenant_id for arrival in arrivals],
        "ids": [arrival.id for arrival in arrivals],
        "phone_number_ids": [arrival.phone_number_id for arrival in arrivals],
        "inbound_ids": [arrival.inbound_id for arrival in arrivals],
        "times": [arrival.at for arrival in arrivals],
    }
    await connection.execute(_ADD_INBOUND, {**columns, "meta_days": meta_days})


async def finish(connection: AsyncConnection, finished: Finished) -> bool:
    """False when the row is no longer this attempt's."""
    return await connection.scalar(_FINISH, finished._asdict()) is not None


async def drop(connection: AsyncConnection, *, tenant_id: UUID, id_: UUID, attempt: int) -> None:
    await connection.execute(_DROP, {"tenant_id": tenant_id, "id": id_, "attempt": attempt})


async def again(connection: AsyncConnection, claim: Claim, *, wait_seconds: float) -> None:
    mine = {"tenant_id": claim.tenant_id, "id": claim.id, "attempt": claim.attempt}
    await connection.execute(_AGAIN, {**mine, "wait_seconds": wait_seconds})


async def end(connection: AsyncConnection, claim: Claim, *, state: str, error_code: int | None) -> None:
    mine = {"tenant_id": claim.tenant_id, "id": claim.id, "attempt": claim.attempt}
    await connection.execute(_END, {**mine, "state": state, "error_code": error_code})


async def find(connection: AsyncConnection, *, tenant_id: UUID, id_: UUID) -> Row[Any] | None:
    return (await connection.execute(_FIND, {"tenant_id": tenant_id, "id": id_})).one_or_none()


async def hurry(connection: AsyncConnection, *, tenant_id: UUID, id_: UUID, pause_seconds: float) -> None:
    await connection.execute(_HURRY, {"tenant_id": tenant_id, "id": id_, "pause_seconds": pause_seconds})


async def delete(connection: AsyncConnection, *, tenant_id: UUID, id_: UUID, at_meta_seconds: float) -> bool:
    values = {"tenant_id": tenant_id, "id": id_, "at_meta_seconds": at_meta_seconds}
    return await connection.scalar(_DELETE, values) is not None


async def withdraw(connection: AsyncConnection, *, count: int) -> Sequence[Row[Any]]:
    """Forget Meta's ids of deleted uploads whose time has come; returns them."""
    return (await connection.execute(_WITHDRAW, {"count": count})).all()


async def usable(connection: AsyncConnection, wanted: Sequence[tuple[UUID, UUID]]) -> list[Usable]:
    return [Usable(*row) for row in await connection.execute(_USABLE, _pairs(wanted))]


async def claim(
    connection: AsyncConnection, *, closed: Sequence[UUID], slots: int, per_tenant: int, lease_seconds: float
) -> list[Claim]:
    """Take files that are due; whoever dies with one loses it when the lease ends."""
    limits = {"slots": slots, "per_tenant": per_tenant, "lease_seconds": lease_seconds}
    return [Claim(*row) for row in await connection.execute(_CLAIM, {"closed": list(closed), **limits})]


async def expire(connection: AsyncConnection, *, count: int) -> list[tuple[UUID, UUID]]:
    return [(row.tenant_id, row.id) for row in await connection.execute(_EXPIRE, {"count": count})]


async def forget(connection: AsyncConnection, *, cut_off_seconds: float, days: int, count: int) -> int:
    """Delete rows of uploads that were cut off and of files that are long gone; the larger of both counts."""
    cut_off = await connection.execute(_DROP_CUT_OFF, {"seconds": cut_off_seconds, "count": count})
    gone = await connection.execute(_FORGET, {"days": days, "count": count})
    return max(int(cut_off.rowcount), int(gone.rowcount))


async def owned(connection: AsyncConnection, wanted: Sequence[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Those that somebody still wants."""
    return {(row.tenant_id, row.id) for row in await connection.execute(_OWNED, _pairs(wanted))}


def _pairs(wanted: Sequence[tuple[UUID, UUID]]) -> dict[str, list[UUID]]:
    return {"tenant_ids": [tenant_id for tenant_id, _ in wanted], "ids": [id_ for _, id_ in wanted]}
