"""All SQL of windows (hot path)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Key(NamedTuple):
    """The conversation of a person with one number of a tenant."""

    tenant_id: UUID
    phone_number_id: str
    person: str


# Rows are written in the order of their keys; an older or repeated message changes nothing.
_EXTEND = text("""
    insert into windows as w (tenant_id, phone_number_id, person, last_inbound_at, expires_at)
    select tenant_id, phone_number_id, person, max(at), max(at) + cast(:length as interval)
      from unnest(cast(:tenant_ids as uuid[]), cast(:phone_number_ids as text[]), cast(:persons as text[]),
                  cast(:times as timestamptz[])) as new (tenant_id, phone_number_id, person, at)
     group by 1, 2, 3
     order by 1, 2, 3
    on conflict (tenant_id, phone_number_id, person) do update
       set last_inbound_at = excluded.last_inbound_at, expires_at = excluded.expires_at
     where w.last_inbound_at < excluded.last_inbound_at
""")
_EXPIRIES = text("""
    select w.tenant_id, w.phone_number_id, w.person, w.expires_at
      from unnest(cast(:tenant_ids as uuid[]), cast(:phone_number_ids as text[]), cast(:persons as text[]))
        as key (tenant_id, phone_number_id, person)
      join windows w using (tenant_id, phone_number_id, person)
""")


async def extend(connection: AsyncConnection, times: Sequence[tuple[Key, datetime]], *, length: timedelta) -> None:
    """Open or extend the window of each key up to `length` after its latest message; never shorten one."""
    await connection.execute(
        _EXTEND, _columns(key for key, _ in times) | {"times": [at for _, at in times], "length": length}
    )


async def expiries(connection: AsyncConnection, keys: Iterable[Key]) -> dict[Key, datetime]:
    rows = await connection.execute(_EXPIRIES, _columns(keys))
    return {Key(row.tenant_id, row.phone_number_id, row.person): row.expires_at for row in rows}


def _columns(keys: Iterable[Key]) -> dict[str, Any]:
    rows = list(keys)
    return {
        "tenant_ids": [key.tenant_id for key in rows],
        "phone_number_ids": [key.phone_number_id for key in rows],
        "persons": [key.person for key in rows],
    }
