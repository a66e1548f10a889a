"""The SQL of idempotency keys, each statement for many requests (hot path)."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# A row that another process inserts while this statement runs is in neither half of the answer: its columns are null.
_TAKE = text("""
    with asked as materialized (
        select * from unnest(cast(:tenant_ids as uuid[]), cast(:key_indexes as text[]),
                             cast(:fingerprints as bytea[]), cast(:message_ids as uuid[]))
                 with ordinality as a (tenant_id, key_index, fingerprint, message_id, position)
    ), taken as (
        insert into idempotency_keys as k (tenant_id, key_index, fingerprint, message_id, lease_until)
        select tenant_id, key_index, fingerprint, message_id, now() + make_interval(secs => :lease_seconds)
          from asked
         order by tenant_id, key_index
        on conflict (tenant_id, key_index) do update
           set lease_until = excluded.lease_until
         where k.finished_at is null and k.lease_until <= now() and k.fingerprint = excluded.fingerprint
        returning k.tenant_id, k.key_index, k.message_id
    )
    select taken.message_id as taken_id, old.message_id, old.fingerprint,
           old.finished_at is not null as is_finished
      from asked
      left join taken using (tenant_id, key_index)
      left join idempotency_keys old using (tenant_id, key_index)
     order by asked.position
""")

_END = text("""
    with ended as materialized (
        select k.tenant_id, k.key_index, e.is_finished
          from unnest(cast(:tenant_ids as uuid[]), cast(:key_indexes as text[]), cast(:message_ids as uuid[]),
                      cast(:finished as boolean[])) as e (tenant_id, key_index, message_id, is_finished)
          join idempotency_keys k using (tenant_id, key_index, message_id)
         where k.finished_at is null
         order by k.tenant_id, k.key_index
           for update of k
    )
    update idempotency_keys k
       set lease_until = now(), finished_at = case when ended.is_finished then now() end
      from ended
     where k.tenant_id = ended.tenant_id and k.key_index = ended.key_index
""")

_FIND = text("""
    select message_id, fingerprint, finished_at is not null as is_finished
      from idempotency_keys
     where tenant_id = :tenant_id and key_index = :key_index
""")

_PRUNE = text("""
    with old as (
        select tenant_id, key_index
          from idempotency_keys
         where created_at < now() - make_interval(hours => :hours)
         order by created_at
         limit :count
           for update skip locked
    )
    delete from idempotency_keys k using old
     where k.tenant_id = old.tenant_id and k.key_index = old.key_index
""")


class Claim(NamedTuple):
    """A request that wants its key; `message_id` is minted for the case that it is the first."""

    tenant_id: UUID
    key_index: str
    fingerprint: bytes
    message_id: UUID


class End(NamedTuple):
    """A lease that ends: with the acknowledgement, or with a publish that failed."""

    tenant_id: UUID
    key_index: str
    message_id: UUID
    is_finished: bool


async def take(connection: AsyncConnection, claims: Sequence[Claim], *, lease_seconds: float) -> list[Row[Any]]:
    """One row per claim, in order; keys must differ. `taken_id` is set where the lease is now the caller's."""
    values = {
        "tenant_ids": [claim.tenant_id for claim in claims],
        "key_indexes": [claim.key_index for claim in claims],
        "fingerprints": [claim.fingerprint for claim in claims],
        "message_ids": [claim.message_id for claim in claims],
        "lease_seconds": lease_seconds,
    }
    return list(await connection.execute(_TAKE, values))


async def end(connection: AsyncConnection, ends: Sequence[End]) -> None:
    """End leases; a key that is finished stays finished."""
    values = {
        "tenant_ids": [lease.tenant_id for lease in ends],
        "key_indexes": [lease.key_index for lease in ends],
        "message_ids": [lease.message_id for lease in ends],
        "finished": [lease.is_finished for lease in ends],
    }
    await connection.execute(_END, values)


async def find(connection: AsyncConnection, tenant_id: UUID, key_index: str) -> Row[Any] | None:
    return (await connection.execute(_FIND, {"tenant_id": tenant_id, "key_index": key_index})).one_or_none()


async def prune(connection: AsyncConnection, *, hours: int, count: int) -> int:
    """Delete up to `count` keys older than `hours`; returns how many."""
    return (await connection.execute(_PRUNE, {"hours": hours, "count": count})).rowcount
