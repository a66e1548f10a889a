"""The SQL of templates."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_ADD = text("""
    insert into templates
        (id, tenant_id, waba_id, name, language, category, state, body_parameters, components)
    values (:id, :tenant_id, :waba_id, :name, :language, :category, 'approved', :body_parameters,
            cast(:components as jsonb))
    on conflict (tenant_id, waba_id, name, language) do nothing
    returning version
""")
_FIND = text("""
    select id, category, state, version, body_parameters, components
      from templates
     where tenant_id = :tenant_id and waba_id = :waba_id and name = :name and language = :language
""")


async def add(connection: AsyncConnection, values: dict[str, Any]) -> int | None:
    """Returns the version, or None when the template exists."""
    return (await connection.execute(_ADD, values)).scalar_one_or_none()


async def find(
    connection: AsyncConnection, *, tenant_id: UUID, waba_id: str, name: str, language: str
) -> Row[Any] | None:
    values = {"tenant_id": tenant_id, "waba_id": waba_id, "name": name, "language": language}
    return (await connection.execute(_FIND, values)).one_or_none()
