"""HTTP shapes of the credit slice."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, StringConstraints

from services.billing.credit.service import Limit
from services.kernel.approvals.schemas import Reason
from services.kernel.money import micros_from, text_of

# Nine digits before the point: no tenant gets more credit than a thousand million.
AMOUNT_PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"


class NewLimit(BaseModel):
    """How far below zero the wallet may go; `even_below_use` sets it below the credit that is in use now."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[str, StringConstraints(pattern=AMOUNT_PATTERN)]
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    even_below_use: bool = False
    reason: Reason

    @property
    def limit_micros(self) -> int:
        return micros_from(Decimal(self.amount))


class SetLimit(BaseModel):
    amount: str
    currency: str
    set_at: datetime
    approval_id: UUID
    requested_by: str
    approved_by: str
    reason: str


class Limits(BaseModel):
    data: list[SetLimit]


def limits_answer(limits: list[Limit]) -> Limits:
    return Limits(data=[SetLimit(amount=text_of(limit.limit_micros), **_rest_of(limit)) for limit in limits])


def _rest_of(limit: Limit) -> dict[str, object]:
    return {name: value for name, value in limit._asdict().items() if name != "limit_micros"}
