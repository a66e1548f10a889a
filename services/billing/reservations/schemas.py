"""HTTP shapes of the reservations slice."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, Field

from services.billing.reservations.repository import Reservation


class ChargeAnswer(BaseModel):
    """The money of one message; its terms are null where nothing was reserved."""

    state: Literal["reserved", "captured", "released", "expired", "unfunded", "closed"]
    price_micros: int | None = Field(description="Micro-units of the currency; 0 for a free message.")
    currency: str | None
    is_free: bool | None
    position: int | None = Field(description="Its place (from 1) among the month's paid messages.")
    month: date | None
    rate_card_version: int | None
    decided_at: datetime
    captured_at: datetime | None
    returned_at: datetime | None
    reason: str | None = Field(description="Why it was not paid for, or why the money went back.")


def charge_answer(reservation: Reservation) -> ChargeAnswer:
    fields = {name: getattr(reservation, name) for name in ChargeAnswer.model_fields}
    return ChargeAnswer.model_validate(fields | {"reason": reservation.reason or reservation.return_reason})
