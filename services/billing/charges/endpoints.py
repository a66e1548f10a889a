"""HTTP in: a tenant reads what its messages cost."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.billing.charges import service
from services.billing.charges.schemas import Charges, Listing, charges_answer
from services.billing.charges.service import Question
from services.kernel.http import CallerTenant, Transaction

router = APIRouter()


@router.get("/v1/billing/charges")
async def list_charges(asked: Annotated[Listing, Query()], tenant_id: CallerTenant, connection: Transaction) -> Charges:
    """What your messages cost, newest first, a page at a time."""
    states = () if asked.state is None else (asked.state,)
    question = Question(tenant_id, asked.from_, asked.to, states)
    return charges_answer(await service.page(connection, question, limit=asked.limit, cursor=asked.cursor))
