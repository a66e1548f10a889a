"""The SQL of test twins: who they are, their copies of templates, and which numbers the sandbox knows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIND = text("""
    select t.id as tenant_id, n.phone_number_id, n.waba_id
      from tenants t
      join numbers n on n.tenant_id = t.id
     where t.parent_tenant_id = :parent_id and t.class = 'test'
     order by n.created_at, n.phone_number_id
     limit 1
""")
# The twin has one account: of a parent's templates with the same name and language it gets the usable, oldest one.
# Not what the twin may have of its own: only a copy that differs from its original is written again.
_COPY_TEMPLATES = text("""
    with written as (
        insert into templates (id, tenant_id, waba_id, name, language, category, state, version, body_parameters,
                               components)
        select distinct on (t.id, p.name, p.language)
               gen_random_uuid(), t.id, n.waba_id, p.name, p.language, p.category, p.state, p.version,
               p.body_parameters, p.components
          from tenants t
          join numbers n on n.tenant_id = t.id
          join templates p on p.tenant_id = t.parent_tenant_id
         where t.class = 'test' and t.parent_tenant_id = coalesce(:parent_id, t.parent_tenant_id)
           and (p.state = 'approved'
                or exists (select from templates c
                            where c.tenant_id = t.id and c.waba_id = n.waba_id and c.name = p.name
                              and c.language = p.language))
         order by t.id, p.name, p.language, p.state = 'approved' desc, p.created_at, p.id, n.created_at
        on conflict (tenant_id, waba_id, name, language) do update
           set category = excluded.category, state = excluded.state, version = excluded.version,
               body_parameters = excluded.body_parameters, components = excluded.components
         where (templates.category, templates.state, templates.version, templates.body_parameters, templates.components)
               is distinct from (excluded.category, excluded.state, excluded.version, excluded.body_parameters,
                                 excluded.components)
        returning tenant_id
    ), untold as (
        update numbers n set registered_at = null
         where n.mode = 'test' and n.tenant_id in (select tenant_id from written)
    )
    select count(*) from written
""")
_UNREGISTERED = text("""
    select phone_number_id
      from numbers
     where mode = 'test' and (registered_at is null or registered_at < now() - make_interval(secs => :after_seconds))
     order by registered_at nulls first
     limit :count
""")
_TEMPLATES = text("""
    select name, language, category, state, body_parameters, components
      from templates
     where tenant_id = :tenant_id and waba_id = :waba_id
     order by id
     limit :count
""")
_REGISTERED = text("update numbers set registered_at = now() where phone_number_id = :phone_number_id")


async def find(connection: AsyncConnection, parent_id: UUID) -> Row[Any] | None:
    """The twin with its first number."""
    return (await connection.execute(_FIND, {"parent_id": parent_id})).one_or_none()


async def copy_templates(connection: AsyncConnection, parent_id: UUID | None) -> int:
    """Bring one twin's templates up to date, or every twin's; returns how many were written."""
    return int((await connection.execute(_COPY_TEMPLATES, {"parent_id": parent_id})).scalar_one())


async def unregistered(connection: AsyncConnection, *, after_seconds: float, count: int) -> Sequence[str]:
    """Test numbers that the sandbox was never told of, or not for so long."""
    values = {"after_seconds": after_seconds, "count": count}
    return (await connection.execute(_UNREGISTERED, values)).scalars().all()


async def templates(connection: AsyncConnection, *, tenant_id: UUID, waba_id: str, count: int) -> Sequence[Row[Any]]:
    values = {"tenant_id": tenant_id, "waba_id": waba_id, "count": count}
    return (await connection.execute(_TEMPLATES, values)).all()


async def registered(connection: AsyncConnection, phone_number_id: str) -> None:
    await connection.execute(_REGISTERED, {"phone_number_id": phone_number_id})
