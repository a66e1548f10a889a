"""The SQL of templates."""

from collections.abc import Sequence
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
    select t.tenant_id, t.waba_id, t.name, t.language, t.id, t.category, t.state, t.version, t.body_parameters,
           t.components
      from unnest(cast(:tenant_ids as uuid[]), cast(:waba_ids as text[]), cast(:names as text[]),
                  cast(:languages as text[])) as wanted (tenant_id, waba_id, name, language)
      join templates t on t.tenant_id = wanted.tenant_id and t.waba_id = wanted.waba_id
       and t.name = wanted.name and t.language = wanted.language
""")


async def add(connection: AsyncConnection, values: dict[str, Any]) -> int | None:
    """Returns the version, or None when the template exists."""
    return (await connection.execute(_ADD, values)).scalar_one_or_none()


async def find(connection: AsyncConnection, keys: Sequence[tuple[UUID, str, str, str]]) -> Sequence[Row[Any]]:
    """Those that exist; a key is (tenant, WABA, name, language)."""
    tenant_ids, waba_ids, names, languages = (list(column) for column in zip(*keys, strict=True))
    values = {"tenant_ids": tenant_ids, "waba_ids": waba_ids, "names": names, "languages": languages}
    return (await connection.execute(_FIND, values)).all()
