"""HTTP shapes of the payments slice."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.billing.shapes import BalanceAnswer
from services.kernel import money
from services.kernel.approvals.schemas import Reason

# Twelve digits before the point: far above any payment, far below the end of BIGINT in micro-units.
AMOUNT_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
REFERENCE_CHARACTERS_MAX = 200


class TopUp(BaseModel):
    """Money that came in; `reference` names the payment and makes a repeat harmless."""

    model_config = ConfigDict(extra="forbid")

    amount: Annotated[str, StringConstraints(pattern=AMOUNT_PATTERN)]
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    reference: Annotated[
        str,
        StringConstraints(strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f]*$"),
        Field(min_length=1, max_length=REFERENCE_CHARACTERS_MAX),
    ]
    reason: Reason | None = None

    @property
    def amount_micros(self) -> int:
        return money.micros_from(Decimal(self.amount))


class TopUpAnswer(BaseModel):
    transfer_id: UUID
    balance: BalanceAnswer
