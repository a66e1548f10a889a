"""HTTP shapes that several slices answer with: an amount of money, and a tenant's balance."""

from pydantic import BaseModel, Field

from services.kernel.money import text_of


class Amount(BaseModel):
    """Money as a decimal string, e.g. "1000.00"."""

    amount: str = Field(description="A decimal in units of the currency.", examples=["1000.00"])
    currency: str = Field(description="ISO 4217.", examples=["RUB"])


class BalanceAnswer(BaseModel):
    """A tenant's money."""

    wallet: Amount = Field(description="What may be spent.")
    held: Amount = Field(description="Kept for messages on their way: charged when they arrive, else given back.")
    credit_limit: Amount = Field(description="How far below zero the wallet may go.")


def amount_of(micros: int, currency: str) -> Amount:
    return Amount(amount=text_of(micros), currency=currency)


def balance_answer(*, wallet_micros: int, held_micros: int, credit_limit_micros: int, currency: str) -> BalanceAnswer:
    """The fields of the ledger's Balance, as HTTP shows them."""
    return BalanceAnswer(
        wallet=amount_of(wallet_micros, currency),
        held=amount_of(held_micros, currency),
        credit_limit=amount_of(credit_limit_micros, currency),
    )
