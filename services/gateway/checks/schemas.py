"""What a tenant reads about a message that nobody sent."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, Field

from services.gateway.checks.service import Judged, Quoted, Verdict
from services.kernel.contracts.messages import Category, Kind
from services.kernel.money import text_of


class CheckError(BaseModel):
    """Why the message would not go out."""

    code: int = Field(description="Meta's error code, as the sending would get it.", examples=[131047])
    reason: str = Field(
        description="As in a message that failed; `invalid` where the send door itself would refuse it.",
        examples=["window_closed"],
    )
    text: str = Field(
        description="What is wrong and what to do.",
        examples=["The person has not written within 24 hours. Send an approved template instead."],
    )


class CheckWindow(BaseModel):
    """The 24 hours after the person's last message, in which free-form messages may go out."""

    is_open: bool = Field(description="Whether it is open now.", examples=[True])
    expires_at: datetime | None = Field(
        description="When it closes, RFC 3339 in UTC; null where it is closed.", examples=["2026-11-22T10:00:00Z"]
    )


class CheckPrice(BaseModel):
    """What the message would cost now."""

    amount: str = Field(description="Decimal, at least two places, in units of the currency.", examples=["6.00"])
    currency: str = Field(description="ISO 4217.", examples=["RUB"])


class CheckPriceDetails(BaseModel):
    """How the price was found. The next message may take this position first."""

    is_free: bool = Field(description="Whether the card lets it go free: a reply in the window, for one.")
    position: int | None = Field(
        description="Its place on the month's volume ladder; null where it is free.", examples=[1042]
    )
    month: str = Field(description="The first day of the month of your billing zone.", examples=["2026-11-01"])
    rate_card_version: int = Field(description="Of your rate card.", examples=[1])
    tier: int | None = Field(description="The step of the ladder, from 1; null where it is free.", examples=[1])
    is_covered: bool = Field(description="Whether wallet and credit limit cover it, and `max_price` allows it.")


class CheckStep(BaseModel):
    """A rule that was asked."""

    rule: str = Field(description="What was asked: policy, consent, window, ...", examples=["window"])
    version: int = Field(description="Of the rule.", examples=[1])
    outcome: str = Field(description="allow or refuse.", examples=["allow"])
    facts: dict[str, Any] = Field(description="What was known.", examples=[{"state": "open"}])
    text: str = Field(description="The same in words.", examples=["The window is open until 22 Nov, 10:00 UTC."])
    text_ru: str = Field(description="In Russian.", examples=["Окно открыто до 22 ноября, 10:00 UTC."])


class CheckedMessage(BaseModel):
    """What would become of the message now."""

    allowed: bool = Field(description="Whether it would go out.", examples=[True])
    error: CheckError | None = Field(description="Why it would not; null where it would.")
    kind: Kind | None = Field(description="What it is; null where the send door would refuse it.", examples=["text"])
    category: Category | None = Field(description="What it is judged and priced as.", examples=["service"])
    country: str | None = Field(description="The recipient's, ISO 3166.", examples=["RU"])
    window: CheckWindow | None = Field(description="The person's window with this number.")
    entry_point_expires_at: datetime | None = Field(
        description="The end of the 72 hours after a click on an advertisement; null where there was none.",
        examples=[None],
    )
    price: CheckPrice | None = Field(description="0.00 where it is free; null where it was not priced.")
    price_details: CheckPriceDetails | None = Field(description="How the price was found.")
    policy: str | None = Field(description="The rule of policy that decided, with its version.", examples=["default@1"])
    trace: list[CheckStep] = Field(description="Every rule that was asked, what it knew and what it said.")

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        refusal, sound, judged = verdict.refusal, verdict.sound, verdict.judged
        return cls(
            allowed=refusal is None,
            error=None if refusal is None else CheckError(**refusal._asdict()),
            kind=sound and sound.send.kind,
            category=sound and sound.examined.category,
            country=sound and sound.send.country,
            window=judged and _window(judged),
            entry_point_expires_at=judged and judged.entry_point_expires_at,
            price=verdict.quoted and _price(verdict.quoted),
            price_details=verdict.quoted and CheckPriceDetails.model_validate(verdict.quoted, from_attributes=True),
            policy=judged and judged.policy,
            trace=[CheckStep.model_validate(step, from_attributes=True) for step in judged.trace] if judged else [],
        )


def _window(judged: Judged) -> CheckWindow:
    return CheckWindow(is_open=judged.window_expires_at is not None, expires_at=judged.window_expires_at)


def _price(quoted: Quoted) -> CheckPrice:
    return CheckPrice(amount=text_of(quoted.price_micros), currency=quoted.currency)
