"""HTTP shapes of the usage slice."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.billing.shapes import Amount, amount_of
from services.billing.usage.service import Counted, Ladder, Month, Usage
from services.kernel.fields import unacceptable


def _month(text: Any) -> date:
    try:
        if isinstance(text, str) and len(text) == len("2026-11"):
            return date.fromisoformat(f"{text}-01")
    except ValueError:
        pass
    raise unacceptable("this is no month: write 2026-11")


MonthText = Annotated[
    date,
    BeforeValidator(_month, json_schema_input_type=str),
]


class Months(BaseModel):
    """Which months; without a range the last three. A parameter that does not exist is refused."""

    model_config = ConfigDict(extra="forbid")

    from_: MonthText | None = Field(
        default=None, alias="from", description="The first month, in your billing zone.", examples=["2026-09"]
    )
    to: MonthText | None = Field(default=None, description="The last month.", examples=["2026-11"])


class Counter(BaseModel):
    """A number of messages, and what they cost together."""

    count: int = Field(description="How many messages.", examples=[2])
    amount: Amount = Field(description="What they cost together.")


class UsageItem(BaseModel):
    """The messages of one category in a month."""

    category: str = Field(description="As the messages were priced.", examples=["utility"])
    is_free: bool = Field(description="Given away by the price list, e.g. replies inside the window.")
    held: Counter = Field(description="On their way.")
    charged: Counter = Field(description="Arrived.")
    returned: Counter = Field(description="Did not arrive: their price was given back, their positions stay taken.")


class NextTier(BaseModel):
    """The next step of the ladder."""

    from_position: int = Field(description="The first paid message of the month at this price.", examples=[10_001])
    unit: Amount = Field(description="The price of a message there.")


class LadderAnswer(BaseModel):
    """How far the present month is on the ladder."""

    rate_card_version: int = Field(description="The price list in force now.", examples=[2])
    mode: str = Field(description="How the tiers are meant: graduated or volume.", examples=["graduated"])
    tier: int = Field(description="The tier of the next paid message, from 1.", examples=[2])
    unit: Amount = Field(description="The price of a message in this tier.")
    next_message: Amount = Field(description="What the next paid message costs.")
    next_tier: NextTier | None = Field(description="Null in the last tier.")


class UsageMonth(BaseModel):
    """One month of your billing zone."""

    month: str = Field(description="Year and month.", examples=["2026-11"])
    position: int = Field(description="Paid messages so far: positions taken on the ladder.", examples=[1_017])
    items: list[UsageItem] = Field(description="One for each category, and for what was given away of it.")
    ladder: LadderAnswer | None = Field(description="Only for the present month.")


class UsageAnswer(BaseModel):
    """Months, the latest first."""

    zone: str = Field(description="Where your months begin and end.", examples=["Europe/Moscow"])
    data: list[UsageMonth] = Field(description="The latest month first.")


def usage_answer(usage: Usage) -> UsageAnswer:
    return UsageAnswer(zone=usage.zone, data=[_usage_month(month, usage) for month in usage.months])


def _usage_month(month: Month, usage: Usage) -> UsageMonth:
    return UsageMonth(
        month=f"{month.month:%Y-%m}",
        position=month.position,
        items=[_item(row) for row in month.counted],
        ladder=_ladder(usage.ladder) if month.month == usage.present else None,
    )


def _item(row: Counted) -> UsageItem:
    def counter(count: int, micros: int) -> Counter:
        return Counter(count=count, amount=amount_of(micros, row.currency))

    return UsageItem(
        category=row.category,
        is_free=row.is_free,
        held=counter(row.held, row.held_micros),
        charged=counter(row.charged, row.charged_micros),
        returned=counter(row.returned, row.returned_micros),
    )


def _ladder(ladder: Ladder) -> LadderAnswer:
    card, step = ladder.card, ladder.step
    following = None
    if step.next_position is not None and step.next_unit_micros is not None:
        unit = amount_of(step.next_unit_micros, card.currency)
        following = NextTier(from_position=step.next_position, unit=unit)
    return LadderAnswer(
        rate_card_version=card.version,
        mode=card.mode,
        tier=step.number,
        unit=amount_of(step.tier.unit_micros, card.currency),
        next_message=amount_of(ladder.next_price_micros, card.currency),
        next_tier=following,
    )
