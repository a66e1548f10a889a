"""HTTP shapes of the quotes slice."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.kernel.contracts.messages import Category, Kind

PRICE_MICROS_MAX = 10**18  # beyond every price


class QuoteAsked(BaseModel):
    """A message that might be sent."""

    model_config = ConfigDict(extra="forbid")

    tenant_id: UUID
    kind: Kind | None = None
    category: Category
    is_in_window: bool
    is_in_entry_point: bool = False
    max_price_micros: Annotated[int, Field(ge=0, le=PRICE_MICROS_MAX)] | None = None


class QuoteAnswer(BaseModel):
    """What it would cost now; `tier` counts from 1. `reason` is that of an unfunded message."""

    price_micros: int
    currency: str
    is_free: bool
    position: int | None
    month: date
    rate_card_version: int
    tier: int | None
    is_covered: bool
    reason: str | None
