"""All SQL of the credit slice."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_SET = text("select set_credit_limit(:approval_id, :at)")

_LIST = text("""
    select l.currency, l.limit_micros, l.set_at, l.approval_id, a.requested_by, a.decided_by, a.reason
      from credit_limits l join approvals a on a.id = l.approval_id
     where l.tenant_id = :tenant_id
     order by l.set_at desc
     limit :count
""")


class Limit(NamedTuple):
    """A credit limit as it was set: by whom it was asked for and approved, and why."""

    currency: str
    limit_micros: int
    set_at: datetime
    approval_id: UUID
    requested_by: str
    approved_by: str
    reason: str


async def set_limit(connection: AsyncConnection, approval_id: UUID, at: datetime) -> None:
    """Set what was approved; the database takes it from the approval itself, once."""
    await connection.execute(_SET, {"approval_id": approval_id, "at": at})


async def list_limits(connection: AsyncConnection, tenant_id: UUID, count: int) -> list[Limit]:
    rows = await connection.execute(_LIST, {"tenant_id": tenant_id, "count": count})
    return [Limit(*row) for row in rows]
