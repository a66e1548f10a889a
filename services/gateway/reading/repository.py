"""All SQL of reading numbers, accounts and templates; the tenant is part of every question."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

_NUMBERS_OF_ACCOUNT = text("""
    select phone_number_id from numbers
     where tenant_id = :tenant_id and waba_id = :waba_id
       and (cast(:after as text) is null or phone_number_id > :after)
     order by phone_number_id limit :count
""")

# What stops a template has Meta's own word; one that may be sent is APPROVED, whatever brought it there.
_STATUS = "case when state = 'approved' then 'APPROVED' else upper(coalesce(meta_status, state)) end"
_SHOWN = f"""
    select id, name, language, category, components, {_STATUS} as status, status_reason, quality, quality_at
      from templates
"""

_TEMPLATE = text(f"{_SHOWN} where tenant_id = :tenant_id and id = :id")

_FILTERED = f"""
     where tenant_id = :tenant_id and waba_id = :waba_id
       and (cast(:name as text) is null or position(:name in name) > 0)
       and (cast(:languages as text[]) is null or language = any(cast(:languages as text[])))
       and (cast(:categories as text[]) is null or category = any(cast(:categories as text[])))
       and (cast(:statuses as text[]) is null or {_STATUS} = any(cast(:statuses as text[])))
"""

_TEMPLATES = text(f"""
    {_SHOWN} {_FILTERED}
       and (cast(:after as uuid) is null or id > :after)
     order by id limit :count
""")

_MATCHING = text(f"select count(*) from templates {_FILTERED}")

_ALL = text("select count(*) from templates where tenant_id = :tenant_id and waba_id = :waba_id")


async def numbers_of_account(
    connection: AsyncConnection, *, tenant_id: UUID, waba_id: str, after: str | None, count: int
) -> list[str]:
    parameters = {"tenant_id": tenant_id, "waba_id": waba_id, "after": after, "count": count}
    return list((await connection.execute(_NUMBERS_OF_ACCOUNT, parameters)).scalars())


async def template(connection: AsyncConnection, *, tenant_id: UUID, id_: UUID) -> Row[Any] | None:
    return (await connection.execute(_TEMPLATE, {"tenant_id": tenant_id, "id": id_})).one_or_none()


async def templates(connection: AsyncConnection, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
    """In the order of their ids, which is that of their registration."""
    return (await connection.execute(_TEMPLATES, parameters)).all()


async def counts(connection: AsyncConnection, parameters: dict[str, Any]) -> tuple[int, int]:
    """(templates that match, templates of the account)"""
    matching = (await connection.execute(_MATCHING, parameters)).scalar_one()
    return matching, (await connection.execute(_ALL, parameters)).scalar_one()
