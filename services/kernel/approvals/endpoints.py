"""HTTP in: staff look at what waits for a second person, approve it or refuse it; the token says who they are."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from services.kernel.approvals import service
from services.kernel.approvals.schemas import ApprovalAnswer, Approvals, Filter, Refusal, answer_of
from services.kernel.approvals.service import Acts
from services.kernel.http import CallerStaff, Transaction

PREFIX = "/internal/approvals"


def router(acts: Acts) -> APIRouter:
    """The routes of a service whose `acts` need two people: what to do, by kind."""
    routes = APIRouter(prefix=PREFIX)

    @routes.get("")
    async def list_approvals(
        asked: Annotated[Filter, Query()], caller: CallerStaff, connection: Transaction
    ) -> Approvals:
        state = None if asked.state == "all" else asked.state
        found = await service.list_newest(
            connection, state=state, kind=asked.kind, tenant_id=asked.tenant_id, count=asked.limit
        )
        return Approvals(data=[answer_of(approval) for approval in found])

    @routes.get("/{approval_id}")
    async def get_approval(approval_id: UUID, caller: CallerStaff, connection: Transaction) -> ApprovalAnswer:
        return answer_of(await service.find(connection, approval_id))

    @routes.post("/{approval_id}:approve")
    async def approve(approval_id: UUID, caller: CallerStaff, connection: Transaction) -> ApprovalAnswer:
        """Do it; 403 for who asked for it, 409 for what was decided or is too old."""
        return answer_of(await service.approve(connection, acts, approval_id, approved_by=caller.subject))

    @routes.post("/{approval_id}:refuse")
    async def refuse(approval_id: UUID, body: Refusal, caller: CallerStaff, connection: Transaction) -> ApprovalAnswer:
        """Decide against it, or take back what oneself asked for."""
        refused = await service.refuse(connection, approval_id, refused_by=caller.subject, reason=body.reason)
        return answer_of(refused)

    return routes
