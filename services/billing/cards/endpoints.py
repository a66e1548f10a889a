"""HTTP in: staff look at the price lists and ask for the next one."""

from fastapi import APIRouter

from services.billing.cards import service
from services.billing.cards.schemas import Cards, NewCard, cards_answer
from services.kernel.approvals.schemas import ApprovalAnswer, answer_of
from services.kernel.http import CallerStaff, Transaction

router = APIRouter(prefix="/internal/rate-cards")


@router.get("")
async def list_cards(caller: CallerStaff, connection: Transaction) -> Cards:
    """Every version of the price list, the latest first."""
    return cards_answer(await service.list_newest(connection))


@router.post("", status_code=202)
async def request_card(body: NewCard, caller: CallerStaff, connection: Transaction) -> ApprovalAnswer:
    """Ask for a card: it waits for a second person. A malformed one is refused whole: field, row and reason."""
    asked = await service.request(
        connection,
        card=body.card,
        effective_from=body.effective_from,
        reason=body.reason,
        requested_by=caller.subject,
    )
    return answer_of(asked)
