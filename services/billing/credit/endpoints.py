"""HTTP in: staff ask for a tenant's credit limit, and look at what was set before."""

from uuid import UUID

from fastapi import APIRouter

from services.billing.credit import service
from services.billing.credit.schemas import Limits, NewLimit, limits_answer
from services.billing.tenants import KnownTenant
from services.kernel.approvals.schemas import ApprovalAnswer, answer_of
from services.kernel.http import CallerStaff, Transaction

router = APIRouter(prefix="/internal/tenants/{tenant_id}/credit-limit")


@router.get("")
async def list_limits(tenant_id: UUID, caller: CallerStaff, connection: Transaction) -> Limits:
    """What was set for the tenant, the latest first."""
    return limits_answer(await service.list_limits(connection, tenant_id))


@router.put("", status_code=202)
async def request_limit(
    caller: CallerStaff, tenant_id: KnownTenant, body: NewLimit, connection: Transaction
) -> ApprovalAnswer:
    """Ask for a limit: it waits for a second person."""
    asked = await service.request(
        connection,
        tenant_id=tenant_id,
        limit_micros=body.limit_micros,
        currency=body.currency,
        even_below_use=body.even_below_use,
        reason=body.reason,
        requested_by=caller.subject,
    )
    return answer_of(asked)
