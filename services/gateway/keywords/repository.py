"""All SQL of the keywords slice."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIND = text("""
    select stop_words, start_words, stop_confirmation, start_confirmation from tenants where id = :tenant_id
""")
_SET = text("""
    update tenants set stop_words = cast(:stop_words as text[]), start_words = cast(:start_words as text[]),
           stop_confirmation = :stop_confirmation, start_confirmation = :start_confirmation, version = version + 1
     where id = :tenant_id
""")


async def find(connection: AsyncConnection, tenant_id: UUID) -> Row[list[str], list[str], str | None, str | None]:
    """Stop words, start words, and the confirmation of each."""
    return (await connection.execute(_FIND, {"tenant_id": tenant_id})).one()


async def set_all(connection: AsyncConnection, tenant_id: UUID, values: Mapping[str, Any]) -> None:
    """Replace the words and texts, and count the tenant's version up."""
    await connection.execute(_SET, {"tenant_id": tenant_id, **values})
