"""The SQL of API keys: a tenant's own and its test twin's."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Acts on a tenant's keys wait for each other; a foreign key to the tenant does not.
_LOCK = text("select id from tenants where id = :tenant_id for no key update")
# `least` takes no notice of nulls: what has no end is kept.
_KEPT = "coalesce(least(k.revoked_at, k.valid_until) > now() - make_interval(days => :days), true)"
_COUNT = text(f"""
    select count(*) filter (where k.revoked_at is null and (k.valid_until is null or k.valid_until > now())) as usable,
           count(*) as kept
      from api_keys k
     where k.tenant_id = any(cast(:tenant_ids as uuid[])) and {_KEPT}
""")
_IS_VALID = text("""
    select true from api_keys
     where id = :key_id and revoked_at is null and (valid_until is null or valid_until > now())
""")
_COLUMNS = """
    k.id, k.tenant_id, k.name, k.prefix, k.mode, k.scopes, k.networks, k.valid_from, k.valid_until, k.rate_per_second,
    k.created_at, k.last_used_at, k.revoked_at, k.replaced_by
"""
_ADD = text(f"""
    insert into api_keys as k
        (id, tenant_id, key_hash, prefix, name, mode, scopes, networks, valid_from, valid_until, rate_per_second)
    values (:id, :tenant_id, :key_hash, :prefix, :name, :mode, cast(:scopes as text[]), cast(:networks as cidr[]),
            :valid_from, :valid_until, :rate_per_second)
    returning {_COLUMNS}
""")
_LIST = text(f"""
    select {_COLUMNS}
      from api_keys k
     where k.tenant_id = any(cast(:tenant_ids as uuid[])) and {_KEPT}
     order by k.id
     limit :count
""")
_FIND = text(f"""
    select {_COLUMNS} from api_keys k where k.id = :key_id and k.tenant_id = any(cast(:tenant_ids as uuid[]))
""")
_REVOKE = text("update api_keys set revoked_at = now() where id = :key_id and revoked_at is null")
# One that is about to be replaced is not one to rely on.
_OTHER_MANAGERS = text("""
    select count(*)
      from api_keys
     where tenant_id = :tenant_id and id <> :key_id and 'keys' = any (scopes) and revoked_at is null
       and replaced_by is null and (valid_from is null or valid_from <= now())
       and (valid_until is null or valid_until > now())
""")
_REPLACE = text("""
    update api_keys
       set replaced_by = :successor_id,
           valid_until = least(valid_until, greatest(now(), valid_from) + make_interval(secs => :overlap_seconds))
     where id = :key_id
""")
_RECORD_USES = text("""
    with uses as (
        select * from unnest(cast(:ids as uuid[]), cast(:times as timestamptz[])) as uses (id, used_at)
    ), locked as (
        select k.id from api_keys k where k.id = any(cast(:ids as uuid[])) order by k.id for no key update
    )
    update api_keys k
       set last_used_at = greatest(k.last_used_at, uses.used_at)
      from uses
      join locked using (id)
     where k.id = uses.id
""")


async def lock(connection: AsyncConnection, tenant_id: UUID) -> None:
    await connection.execute(_LOCK, {"tenant_id": tenant_id})


async def count(connection: AsyncConnection, tenant_ids: Sequence[UUID], *, days: int) -> Row[Any]:
    """`usable` keys, and `kept` ones: those and what was revoked or expired within `days`."""
    return (await connection.execute(_COUNT, {"tenant_ids": list(tenant_ids), "days": days})).one()


async def is_valid(connection: AsyncConnection, key_id: UUID) -> bool:
    """Whether a key is neither revoked nor expired, whatever anybody remembers of it."""
    return bool(await connection.scalar(_IS_VALID, {"key_id": key_id}))


async def add(connection: AsyncConnection, values: dict[str, Any]) -> Row[Any]:
    return (await connection.execute(_ADD, values)).one()


async def of_tenants(
    connection: AsyncConnection, tenant_ids: Sequence[UUID], *, days: int, count: int
) -> Sequence[Row[Any]]:
    """Oldest first; what was revoked or expired longer than `days` ago is not shown."""
    values = {"tenant_ids": list(tenant_ids), "days": days, "count": count}
    return (await connection.execute(_LIST, values)).all()


async def find(connection: AsyncConnection, tenant_ids: Sequence[UUID], key_id: UUID) -> Row[Any] | None:
    values = {"tenant_ids": list(tenant_ids), "key_id": key_id}
    return (await connection.execute(_FIND, values)).one_or_none()


async def revoke(connection: AsyncConnection, key_id: UUID) -> None:
    await connection.execute(_REVOKE, {"key_id": key_id})


async def other_managers(connection: AsyncConnection, tenant_id: UUID, key_id: UUID) -> int:
    """How many other keys of the tenant can manage keys, now and until somebody ends them."""
    values = {"tenant_id": tenant_id, "key_id": key_id}
    return int((await connection.execute(_OTHER_MANAGERS, values)).scalar_one())


async def replace(connection: AsyncConnection, key_id: UUID, *, successor_id: UUID, overlap_seconds: float) -> None:
    """End a key after the overlap (above 0), or when it would have ended anyway."""
    values = {"key_id": key_id, "successor_id": successor_id, "overlap_seconds": overlap_seconds}
    await connection.execute(_REPLACE, values)


async def record_uses(connection: AsyncConnection, columns: dict[str, list[object]]) -> None:
    """`ids` and `times`: a later use wins."""
    await connection.execute(_RECORD_USES, columns)
