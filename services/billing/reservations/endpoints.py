"""HTTP in: the gateway asks what became of the money of one message."""

from uuid import UUID

from fastapi import APIRouter

from services.billing.reservations import service
from services.billing.reservations.schemas import ChargeAnswer, charge_answer
from services.kernel.errors import NotFound
from services.kernel.http import CallerService, Transaction

router = APIRouter()


@router.get("/internal/tenants/{tenant_id}/charges/{message_id}")
async def get_charge(tenant_id: UUID, message_id: UUID, caller: CallerService, connection: Transaction) -> ChargeAnswer:
    """What was reserved, earned or given back; 404 before billing has decided, and for another tenant's message."""
    found = await service.find_charge(connection, tenant_id, message_id)
    if found is None:
        raise NotFound("billing has not decided about such a message")
    return charge_answer(found)
