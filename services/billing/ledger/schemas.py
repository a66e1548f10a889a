"""HTTP shapes of the ledger slice."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.billing.ledger.service import Balance
from services.kernel import money

# Twelve digits before the point: far above any payment, far below the end of BIGINT in micro-units.
AMOUNT_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
REFERENCE_CHARACTERS_MAX = 200


class Amount(BaseModel):
    """Money as a decimal string, e.g. "1000.00"."""

    amount: str = Field(description="A decimal in units of the currency.", examples=["1000.00"])
    currency: str = Field(description="ISO 4217.", examples=["RUB"])


class BalanceAnswer(BaseModel):
    """A tenant's money."""

    wallet: Amount = Field(description="What may be spent.")
    held: Amount = Field(description="Kept for messages on their way: charged when they arrive, else given back.")
    credit_limit: Amount = Field(description="How far below zero the wallet may go.")


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

    @property
    def amount_micros(self) -> int:
        return money.micros_from(Decimal(self.amount))


class TopUpAnswer(BaseModel):
    transfer_id: UUID
    balance: BalanceAnswer


def balance_answer(balance: Balance) -> BalanceAnswer:
    def amount(micros: int) -> Amount:
        return Amount(amount=money.text_of(micros), currency=balance.currency)

    return BalanceAnswer(
        wallet=amount(balance.wallet_micros),
        held=amount(balance.held_micros),
        credit_limit=amount(balance.credit_limit_micros),
    )
