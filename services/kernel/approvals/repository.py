"""All SQL of approvals."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_COLUMNS = """id, kind, key, tenant_id, payload, reason, state, requested_by, requested_at, expires_at,
              decided_by, decided_at, decision_reason, result"""

_INSERT = text("""
    insert into approvals (id, kind, key, tenant_id, payload, reason, requested_by, requested_at, expires_at)
    values (:id, :kind, :key, :tenant_id, cast(:payload as jsonb), :reason, :requested_by, :requested_at, :expires_at)
    on conflict (kind, key) where state = 'requested' do nothing
""")

_END_OVERDUE = text("""
    update approvals set state = 'expired', decided_at = :at
     where id in (select id from approvals
                   where state = 'requested' and expires_at <= :at
                     and kind = coalesce(:kind, kind) and key = coalesce(:key, key)
                   order by id for update)
""")

_OPEN = text(f"select {_COLUMNS} from approvals where kind = :kind and key = :key and state = 'requested'")

_FIND = text(f"select {_COLUMNS} from approvals where id = :id")

_LOCK = text(f"select {_COLUMNS} from approvals where id = :id for update")

_LIST = text(f"""
    select {_COLUMNS} from approvals
     where (cast(:state as text) is null or state = :state) and (cast(:kind as text) is null or kind = :kind)
       and (cast(:tenant_id as uuid) is null or tenant_id = :tenant_id)
     order by requested_at desc, id
     limit :count
""")

_DECIDE = text("""
    update approvals
       set state = :state, decided_by = :decided_by, decided_at = :decided_at, decision_reason = :decision_reason
     where id = :id
""")

_KEEP_RESULT = text("update approvals set result = cast(:result as jsonb) where id = :id")


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for, by whom, and what became of it; `payload` and `result` are the act's own."""

    id: UUID
    kind: str
    key: str
    tenant_id: UUID | None
    payload: dict[str, Any]
    reason: str
    state: str
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None
    result: dict[str, Any] | None = None


async def insert(connection: AsyncConnection, approval: Approval) -> None:
    """Store an open request unless the same thing is being asked for already."""
    values = {name: getattr(approval, name) for name in approval.__struct_fields__}
    values["payload"] = msgspec.json.encode(approval.payload).decode()
    wanted = ("id", "kind", "key", "tenant_id", "payload", "reason", "requested_by", "requested_at", "expires_at")
    await connection.execute(_INSERT, {name: values[name] for name in wanted})


async def end_overdue(
    connection: AsyncConnection, at: datetime, *, kind: str | None = None, key: str | None = None
) -> None:
    """Requests that nobody decided in time are expired."""
    await connection.execute(_END_OVERDUE, {"at": at, "kind": kind, "key": key})


async def find_open(connection: AsyncConnection, kind: str, key: str) -> Approval | None:
    row = (await connection.execute(_OPEN, {"kind": kind, "key": key})).one_or_none()
    return None if row is None else Approval(**row._mapping)


async def find(connection: AsyncConnection, approval_id: UUID) -> Approval | None:
    row = (await connection.execute(_FIND, {"id": approval_id})).one_or_none()
    return None if row is None else Approval(**row._mapping)


async def lock(connection: AsyncConnection, approval_id: UUID) -> Approval | None:
    """The request, which nobody else can decide before the commit."""
    row = (await connection.execute(_LOCK, {"id": approval_id})).one_or_none()
    return None if row is None else Approval(**row._mapping)


async def list_newest(
    connection: AsyncConnection, *, state: str | None, kind: str | None, tenant_id: UUID | None, count: int
) -> list[Approval]:
    wanted = {"state": state, "kind": kind, "tenant_id": tenant_id, "count": count}
    return [Approval(**row._mapping) for row in await connection.execute(_LIST, wanted)]


async def decide(connection: AsyncConnection, approval: Approval) -> None:
    """Write the decision that `approval` carries; the database refuses a second one and the same person's."""
    wanted = ("id", "state", "decided_by", "decided_at", "decision_reason")
    await connection.execute(_DECIDE, {name: getattr(approval, name) for name in wanted})


async def keep_result(connection: AsyncConnection, approval_id: UUID, result: dict[str, Any]) -> None:
    """Write what the act of an approval did."""
    await connection.execute(_KEEP_RESULT, {"id": approval_id, "result": msgspec.json.encode(result).decode()})
