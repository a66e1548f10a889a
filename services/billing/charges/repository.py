"""All SQL of charges as tenants list them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# A page looks at no more than `scan` rows of the primary key, newest first, whatever it is asked for; `bound` says
# where it stopped.
_PAGE = text("""
    with scanned as materialized (
        select r.message_id, cast(:states as text[]) is null or r.state = any(cast(:states as text[])) as matches
          from reservations r
         where r.tenant_id = :tenant_id and r.message_id >= :low and r.message_id < :before
         order by r.message_id desc
         limit :scan
    ), hit as (
        select message_id from scanned where matches order by message_id desc limit :count
    )
    select r.message_id, r.state, r.reason, r.category, r.price_micros, r.currency, r.is_free, r.rate_card_version,
           r.month, r.position, r.decided_at, r.captured_at, r.returned_at,
           (select message_id from scanned order by message_id limit 1) as bound,
           (select count(*) from scanned) as looked_at
      from (select 1) as always
      left join (hit join reservations r on r.tenant_id = :tenant_id and r.message_id = hit.message_id) on true
     order by r.message_id desc
""")


async def page(connection: AsyncConnection, parameters: dict[str, Any]) -> Sequence[Row[Any]]:
    """At least one row, which says where the search stopped; its message is null when nothing was found."""
    return (await connection.execute(_PAGE, parameters)).all()
