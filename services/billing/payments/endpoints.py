"""HTTP in: staff book money that came in for a tenant."""

from fastapi import APIRouter, Response, status

from services.billing.payments import service
from services.billing.payments.schemas import TopUp, TopUpAnswer
from services.billing.payments.service import Booked
from services.billing.shapes import balance_answer
from services.billing.tenants import KnownTenant
from services.kernel.approvals.schemas import ApprovalAnswer, answer_of
from services.kernel.errors import Unprocessable
from services.kernel.http import CallerStaff, Transaction

router = APIRouter()


@router.post("/internal/tenants/{tenant_id}/top-ups")
async def top_up(
    caller: CallerStaff, tenant_id: KnownTenant, body: TopUp, connection: Transaction, response: Response
) -> TopUpAnswer | ApprovalAnswer:
    """Book money that came in: 200 when it is booked, 202 when a second person must approve it first."""
    if body.amount_micros == 0:
        raise Unprocessable("amount: book more than zero")
    received = await service.receive(
        connection,
        tenant_id=tenant_id,
        amount_micros=body.amount_micros,
        currency=body.currency,
        reference=body.reference,
        reason=body.reason,
        received_by=caller.subject,
    )
    if isinstance(received, Booked):
        return TopUpAnswer(transfer_id=received.transfer_id, balance=balance_answer(**received.balance._asdict()))
    response.status_code = status.HTTP_202_ACCEPTED
    return answer_of(received)
