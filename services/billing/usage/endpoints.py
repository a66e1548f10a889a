"""HTTP in: a tenant reads what its months have cost so far."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from services.billing.usage import service
from services.billing.usage.schemas import Months, UsageAnswer, usage_answer
from services.kernel.http import CallerTenant, Transaction

router = APIRouter()


@router.get("/v1/billing/usage")
async def read_usage(
    asked: Annotated[Months, Query()], tenant_id: CallerTenant, connection: Transaction, request: Request
) -> UsageAnswer:
    """What your months have cost so far, by category, and where you are on the ladder."""
    payer = request.app.state.payer_of(tenant_id)
    return usage_answer(await service.read(connection, tenant_id, payer, first=asked.from_, last=asked.to))
