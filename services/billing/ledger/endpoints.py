"""HTTP in: a tenant reads its balance."""

from fastapi import APIRouter

from services.billing.ledger import service
from services.billing.shapes import BalanceAnswer, balance_answer
from services.kernel.http import CallerTenant, Transaction

router = APIRouter()


@router.get("/v1/billing/balance")
async def get_balance(tenant_id: CallerTenant, connection: Transaction) -> BalanceAnswer:
    """The caller's own wallet, what is held for messages on their way, and its credit limit."""
    return balance_answer(**(await service.get_balance(connection, tenant_id))._asdict())
