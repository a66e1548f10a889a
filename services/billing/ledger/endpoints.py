"""HTTP in: a tenant reads its balance, staff book money that came in."""

from uuid import UUID

from fastapi import APIRouter

from services.billing.ledger import service
from services.billing.ledger.schemas import BalanceAnswer, TopUp, TopUpAnswer, balance_answer
from services.kernel.errors import Forbidden, Unprocessable
from services.kernel.http import CallerStaff, CallerTenant, Transaction

router = APIRouter()


@router.get("/v1/billing/balance")
async def get_balance(caller: CallerTenant, connection: Transaction) -> BalanceAnswer:
    """The caller's own wallet, what is held for messages on their way, and its credit limit."""
    if caller.tenant_id is None:
        raise Forbidden("this route is for a tenant: the token names none")
    return balance_answer(await service.get_balance(connection, caller.tenant_id))


@router.post("/internal/tenants/{tenant_id}/top-ups")
async def top_up(tenant_id: UUID, body: TopUp, caller: CallerStaff, connection: Transaction) -> TopUpAnswer:
    """Book money that came in for a tenant; a repeat with the same reference answers the same transfer."""
    if body.amount_micros == 0:
        raise Unprocessable("amount: book more than zero")
    transfer_id, balance = await service.top_up(
        connection,
        tenant_id=tenant_id,
        amount_micros=body.amount_micros,
        currency=body.currency,
        reference=body.reference,
    )
    return TopUpAnswer(transfer_id=transfer_id, balance=balance_answer(balance))
