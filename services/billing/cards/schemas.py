"""HTTP shapes of the cards slice."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

from services.billing.cards.service import Listed
from services.kernel.approvals.schemas import Reason


def _is_text(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise ValueError("write a time with its zone as text, e.g. 2026-12-01T00:00:00+03:00")
    return value


class NewCard(BaseModel):
    """A price list and from when it is to be in force; without a time as soon as it is approved."""

    model_config = ConfigDict(extra="forbid")

    card: dict[str, Any]
    effective_from: Annotated[AwareDatetime | None, BeforeValidator(_is_text)] = None
    reason: Reason


class Card(BaseModel):
    version: int
    card: dict[str, Any]
    effective_from: datetime
    approval_id: UUID | None
    is_in_force: bool


class Cards(BaseModel):
    data: list[Card]


def cards_answer(listed: list[Listed]) -> Cards:
    return Cards(
        data=[
            Card(
                version=one.version,
                card=one.document,
                effective_from=one.effective_from,
                approval_id=one.approval_id,
                is_in_force=one.is_in_force,
            )
            for one in listed
        ]
    )
