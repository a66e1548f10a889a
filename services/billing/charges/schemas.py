"""HTTP shapes of the charges slice."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from services.billing.charges.service import Page
from services.billing.shapes import Amount, amount_of
from services.kernel.cursors import CURSOR_CHARACTERS_MAX
from services.kernel.fields import Time

LIMIT_DEFAULT = 25
LIMIT_MAX = 100

ChargeState = Literal["reserved", "captured", "released", "expired", "unfunded", "closed"]


class Listing(BaseModel):
    """Which charges; filters narrow one another. A parameter that does not exist is refused."""

    model_config = ConfigDict(extra="forbid")

    from_: Time | None = Field(
        default=None,
        alias="from",
        description="Of messages that were accepted at this time or later.",
        examples=["2026-11-01T00:00:00Z"],
    )
    to: Time | None = Field(
        default=None,
        description="Of messages that were accepted before this time.",
        examples=["2026-12-01T00:00:00Z"],
    )
    state: ChargeState | None = Field(default=None, description="Where the money is now.", examples=["captured"])
    limit: int = Field(default=LIMIT_DEFAULT, ge=1, le=LIMIT_MAX, description="Charges on a page.")
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=CURSOR_CHARACTERS_MAX,
        description="paging.next of the page before, with the same filters.",
        examples=["AQ1pV7wK0QBzZqUyDXXFd0-5Nn_Bam0AZm9vYmFyYmF6cXV4MTIzNDU2"],
    )


class Charge(BaseModel):
    """What one message costs, and where that money is."""

    message_id: UUID = Field(description="The message, as in callbacks and /v1/messages/{id}.")
    state: ChargeState = Field(
        description="reserved: held until the message arrives. captured: charged. released, expired: given back, the "
        "message did not arrive. unfunded: not paid for and not sent. closed: it ended before it had a price."
    )
    reason: str | None = Field(description="Why it is unfunded or closed.", examples=["no_balance"])
    category: str | None = Field(description="As the message was priced.", examples=["utility"])
    price: Amount | None = Field(description="Null where nothing was set aside.")
    is_free: bool | None = Field(description="Given away by the price list; takes no position on the ladder.")
    month: str | None = Field(description="The month of the ladder, in your billing zone.", examples=["2026-11"])
    position: int | None = Field(description="Which paid message of the month it was, from 1.", examples=[1017])
    rate_card_version: int | None = Field(description="The price list that it was priced by.", examples=[2])
    decided_at: datetime = Field(description="When the price was set aside, or refused.")
    captured_at: datetime | None = Field(description="When it was charged.")
    returned_at: datetime | None = Field(description="When it was given back; it can still be charged later.")


class ChargePaging(BaseModel):
    """Where the list goes on."""

    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class Charges(BaseModel):
    """A page of charges, newest message first."""

    data: list[Charge] = Field(description="Newest message first.")
    paging: ChargePaging = Field(description="Where the list goes on.")


def charges_answer(page: Page) -> Charges:
    return Charges(data=[_charge(row) for row in page.rows], paging=ChargePaging(next=page.cursor))


def _charge(row: Row[Any]) -> Charge:
    return Charge(
        message_id=row.message_id,
        state=row.state,
        reason=row.reason,
        category=row.category,
        price=None if row.price_micros is None else amount_of(row.price_micros, row.currency),
        is_free=row.is_free,
        month=None if row.month is None else f"{row.month:%Y-%m}",
        position=row.position,
        rate_card_version=row.rate_card_version,
        decided_at=row.decided_at,
        captured_at=row.captured_at,
        returned_at=row.returned_at,
    )
