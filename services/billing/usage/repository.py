"""All SQL of the usage slice: reads what the procedures count (migration 0007_booking)."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MONTHS = text("""
    select month, category, is_free, currency, held, held_micros, charged, charged_micros, returned, returned_micros
      from usage_months
     where tenant_id = :tenant_id and month between :first and :last
     order by month desc, category, is_free, currency
""")

# Every paid message takes one position and keeps it, whatever becomes of it.
_POSITION = text("""
    select coalesce(sum(held + charged + returned), 0) from usage_months
     where tenant_id = :tenant_id and month = :month and not is_free
""")


class Counted(NamedTuple):
    """The messages of one month and category: how many are held, charged, given back, and for how much."""

    month: date
    category: str
    is_free: bool
    currency: str
    held: int
    held_micros: int
    charged: int
    charged_micros: int
    returned: int
    returned_micros: int


async def list_months(connection: AsyncConnection, tenant_id: UUID, first: date, last: date) -> list[Counted]:
    rows = await connection.execute(_MONTHS, {"tenant_id": tenant_id, "first": first, "last": last})
    return [Counted(*row) for row in rows]


async def find_position(connection: AsyncConnection, tenant_id: UUID, month: date) -> int:
    """How many positions of the month's ladder are taken."""
    return int(await connection.scalar(_POSITION, {"tenant_id": tenant_id, "month": month}) or 0)
