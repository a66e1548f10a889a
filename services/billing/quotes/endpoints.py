"""HTTP in: the gateway asks what a message would cost."""

from fastapi import APIRouter, Request

from services.billing.quotes import service
from services.billing.quotes.schemas import QuoteAnswer, QuoteAsked
from services.kernel.http import CallerService, Transaction

router = APIRouter()


@router.post("/internal/quotes")
async def quote(body: QuoteAsked, caller: CallerService, connection: Transaction, request: Request) -> QuoteAnswer:
    """The price of one message, by the card, the ladder and the wallet as they stand; nothing is set aside."""
    quoted = await service.quote(
        connection,
        tenant_id=body.tenant_id,
        payer=request.app.state.payer_of(body.tenant_id),
        kind=body.kind,
        category=body.category,
        is_in_window=body.is_in_window,
        is_in_entry_point=body.is_in_entry_point,
        max_price_micros=body.max_price_micros,
    )
    return QuoteAnswer(**quoted._asdict())
