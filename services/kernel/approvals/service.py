"""Decisions about acts that need two people: one asks, another one approves, and then it happens, once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel import clock
from services.kernel.approvals import repository
from services.kernel.approvals.errors import ApprovalNotFound, AskedDifferently, NotOpen, SamePerson
from services.kernel.identifiers import uuid7

Approval = repository.Approval
# Does what was asked for, in the transaction of the approval; what it returns is kept as the approval's result.
# An error that it raises leaves the request open.
Act = Callable[[AsyncConnection, Approval], Awaitable[dict[str, Any]]]
Acts = Mapping[str, Act]

LIFETIME = timedelta(days=7)
LIST_MAX = 200

REQUESTED, APPROVED, REFUSED, EXPIRED = "requested", "approved", "refused", "expired"


async def request(
    connection: AsyncConnection,
    *,
    kind: str,
    key: str,
    payload: dict[str, Any],
    reason: str,
    requested_by: str,
    tenant_id: UUID | None = None,
    lifetime: timedelta = LIFETIME,
) -> Approval:
    """Ask for an act; `key` names the thing it is about, and a repeat answers the request that is open for it.

    `payload` is JSON and holds no personal data. Raises AskedDifferently while another payload is open for this key.
    """
    at = clock.now()
    await repository.end_overdue(connection, at, kind=kind, key=key)
    new = Approval(
        id=uuid7(),
        kind=kind,
        key=key,
        tenant_id=tenant_id,
        payload=payload,
        reason=reason,
        state=REQUESTED,
        requested_by=requested_by,
        requested_at=at,
        expires_at=at + lifetime,
    )
    await repository.insert(connection, new)
    found = await repository.find_open(connection, kind, key)
    if found is None:  # decided between the two statements by somebody else
        raise NotOpen("this was decided at the same moment: look at it, and ask again if need be")
    if (found.payload, found.tenant_id) != (payload, tenant_id):
        raise AskedDifferently(f"{found.requested_by} asks for other values of this in {found.id}: decide that first")
    return found


async def approve(connection: AsyncConnection, acts: Acts, approval_id: UUID, *, approved_by: str) -> Approval:
    """Agree, and do it in this transaction; a repeat by the same person answers what was done and does nothing.

    Raises ApprovalNotFound, NotOpen, SamePerson, and whatever the act raises.
    """
    found = await _locked(connection, approval_id)
    if found.state == APPROVED and found.decided_by == approved_by:
        return found
    _check_open(found)
    if _is_same(found.requested_by, approved_by):
        raise SamePerson(f"{approved_by} asked for this: another person approves it")
    if found.kind not in acts:
        raise NotOpen(f"{found.kind} is nothing that this service does: refuse it")
    decided = msgspec.structs.replace(found, state=APPROVED, decided_by=approved_by, decided_at=clock.now())
    await repository.decide(connection, decided)
    result = await acts[found.kind](connection, decided)
    await repository.keep_result(connection, approval_id, result)
    return msgspec.structs.replace(decided, result=result)


async def refuse(connection: AsyncConnection, approval_id: UUID, *, refused_by: str, reason: str) -> Approval:
    """Decide against it; who asked may take the request back in this way."""
    found = await _locked(connection, approval_id)
    if found.state == REFUSED and found.decided_by == refused_by:
        return found
    _check_open(found)
    done = msgspec.structs.replace(
        found, state=REFUSED, decided_by=refused_by, decided_at=clock.now(), decision_reason=reason
    )
    await repository.decide(connection, done)
    return done


async def find(connection: AsyncConnection, approval_id: UUID) -> Approval:
    """One request as it stands; raises ApprovalNotFound."""
    await repository.end_overdue(connection, clock.now())
    found = await repository.find(connection, approval_id)
    if found is None:
        raise ApprovalNotFound("nothing was asked for under this id")
    return found


async def list_newest(
    connection: AsyncConnection,
    *,
    state: str | None = None,
    kind: str | None = None,
    tenant_id: UUID | None = None,
    count: int = LIST_MAX,
) -> Sequence[Approval]:
    """The newest requests; those that nobody decided in time show as expired."""
    await repository.end_overdue(connection, clock.now())
    return await repository.list_newest(connection, state=state, kind=kind, tenant_id=tenant_id, count=count)


async def list_open(
    connection: AsyncConnection, *, kind: str | None = None, tenant_id: UUID | None = None
) -> Sequence[Approval]:
    """What waits for a second person, newest first."""
    return await list_newest(connection, state=REQUESTED, kind=kind, tenant_id=tenant_id)


async def _locked(connection: AsyncConnection, approval_id: UUID) -> Approval:
    found = await repository.lock(connection, approval_id)
    if found is None:
        raise ApprovalNotFound("nothing was asked for under this id")
    return found


def _check_open(found: Approval) -> None:
    if found.state in (APPROVED, REFUSED):
        raise NotOpen(f"{found.decided_by} has {found.state} this already")
    if found.state == EXPIRED or found.expires_at <= clock.now():
        raise NotOpen("nobody approved this in time: ask again")


def _is_same(one: str, other: str) -> bool:
    """As the database compares people (constraint two_people_approve)."""
    return one.strip().lower() == other.strip().lower()
