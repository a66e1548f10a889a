"""What the sandbox may be told about business numbers."""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.sandbox.identity import digits

Phone = Annotated[str, Field(pattern=r"^[0-9 +()-]{3,24}$")]
Vertical = Literal[
    "UNDEFINED", "OTHER", "AUTO", "BEAUTY", "APPAREL", "EDU", "ENTERTAIN", "EVENT_PLAN", "FINANCE", "GROCERY",
    "GOVT", "HOTEL", "HEALTH", "NONPROFIT", "PROF_SERVICES", "RETAIL", "TRAVEL", "RESTAURANT", "ALCOHOL",
    "ONLINE_GAMBLING", "PHYSICAL_GAMBLING", "OTC_DRUGS", "MATRIMONY_SERVICE",
]  # fmt: skip


class Profile(BaseModel):
    """What people read about a business (`POST /{number}/whatsapp_business_profile`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    about: str | None = Field(default=None, min_length=1, max_length=139)
    address: str | None = Field(default=None, max_length=256)
    description: str | None = Field(default=None, max_length=512)
    email: str | None = Field(default=None, max_length=128)
    profile_picture_handle: str | None = Field(default=None, max_length=2000)
    vertical: Vertical = "UNDEFINED"
    websites: list[Annotated[str, Field(max_length=256, pattern=r"^https?://")]] | None = Field(
        default=None, max_length=2
    )


class Number(BaseModel):
    """A business number: its account, how people see it, and what Meta allows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    waba_id: str = Field(default="0", pattern=r"^\d{1,20}$", description="The account that its webhooks name.")
    display_phone_number: str = Field(default="", pattern=r"^[0-9 +()-]{0,24}$")
    verified_name: str = Field(default="Sandbox", max_length=512)
    messages_per_second: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="Above it sends get 130429 (80, 1000 or 20 at Meta); left out: no limit.",
    )
    quality_rating: Literal["GREEN", "YELLOW", "RED", "UNKNOWN"] = "GREEN"
    registered: bool = Field(default=True, description="Sends of a number that is not registered get 133010.")
    allowed_recipients: list[Phone] | None = Field(
        default=None, max_length=1000, description="Set: sends to anybody else get 131030, as for Meta's test numbers."
    )
    profile: Profile = Profile()

    @cached_property
    def display_digits(self) -> str:
        return digits(self.display_phone_number)


class Registry(BaseModel):
    """The whole registry, as it stands in its file."""

    numbers: dict[str, Number] = Field(default_factory=dict)
