"""All SQL of messages as tenants list and cancel them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# While a call is under way only its row in the queue says so.
_CALLED = "left join dispatch_queue q on q.message_id = m.id and q.call_before is not null"
_IS_CALLED = "exists (select from dispatch_queue q where q.message_id = m.id and q.call_before is not null)"

_ONE = text(f"""
    select m.*, q.call_before from messages m {_CALLED}
     where m.tenant_id = :tenant_id and m.id = :id and m.accepted_at is not null
""")

# A page looks at no more than `scan` rows, newest first, whatever it is asked for; `bound` says where it stopped.
# The hash only finds the person's rows in the index; the person itself is compared, too.
_PAGE = """
    with scanned as materialized (
        select m.id, ({matches}) as matches
          from messages m
         where m.tenant_id = :tenant_id and m.id >= :low and m.id < :before {person}
         order by m.id desc
         limit :scan
    ), hit as (
        select id from scanned where matches order by id desc limit :count
    )
    select m.*, q.call_before, (select id from scanned order by id limit 1) as bound,
           (select count(*) from scanned) as looked_at
      from (select 1) as always
      left join (hit join messages m on m.tenant_id = :tenant_id and m.id = hit.id and m.id >= :low and m.id < :before)
           on true
      {called}
     order by m.id desc
"""
_MATCHES = f"""
    m.accepted_at is not null
    and (cast(:states as smallint[]) is null
         or case when m.state = 2 and {_IS_CALLED} then 3 else m.state end = any(cast(:states as smallint[])))
    and (cast(:phone_number_id as text) is null or m.phone_number_id = :phone_number_id)
    and (cast(:template_ids as uuid[]) is null or m.template_id = any(cast(:template_ids as uuid[])))
"""
_BY_PERSON = "and hashtextextended(m.person, 0) = hashtextextended(:person, 0) and m.person = :person"

_PAGE_OF_ALL = text(_PAGE.format(matches=_MATCHES, called=_CALLED, person=""))
_PAGE_OF_PERSON = text(_PAGE.format(matches=_MATCHES, called=_CALLED, person=_BY_PERSON))

_TEMPLATES_NAMED = text("select id from templates where tenant_id = :tenant_id and name = :name limit :count")


async def find(connection: AsyncConnection, *, tenant_id: UUID, message_id: UUID) -> Row[Any] | None:
    return (await connection.execute(_ONE, {"tenant_id": tenant_id, "id": message_id})).one_or_none()


async def page(connection: AsyncConnection, parameters: dict[str, Any], *, person: str | None) -> Sequence[Row[Any]]:
    """At least one row, which says where the search stopped; its id is null when nothing was found."""
    if person is None:
        return (await connection.execute(_PAGE_OF_ALL, parameters)).all()
    return (await connection.execute(_PAGE_OF_PERSON, {**parameters, "person": person})).all()


async def templates_named(connection: AsyncConnection, *, tenant_id: UUID, name: str, count: int) -> list[UUID]:
    rows = await connection.execute(_TEMPLATES_NAMED, {"tenant_id": tenant_id, "name": name, "count": count})
    return list(rows.scalars())
