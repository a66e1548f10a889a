"""What the controls may make Meta announce."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Event = Literal[
    "template_approved", "template_rejected", "template_paused", "template_disabled", "template_quality",
    "template_category", "number_quality", "number_throughput", "number_name", "account_restricted",
    "account_violation", "account_banned", "account_reinstated", "account_reviewed", "account_alert", "capability",
    "preference_stop", "preference_resume", "security_pin",
]  # fmt: skip
VALUE_MAX = 65_536  # characters of a value as JSON


class PlatformEvent(BaseModel):
    """Either Meta's own `field` and `value`, or the name of a ready-made `event` with what it is about."""

    model_config = ConfigDict(extra="forbid")
    field: str | None = Field(default=None, pattern=r"^[a-z_]{1,60}$", description="Meta's webhook field.")
    value: dict[str, Any] | None = Field(default=None, description="The whole `value`, sent as it is.")
    event: Event | None = Field(default=None, description="A ready-made announcement.")
    waba_id: Annotated[str, Field(pattern=r"^\d{1,20}$")] | None = None
    phone_number_id: Annotated[str, Field(pattern=r"^\d{1,20}$")] | None = Field(
        default=None, description="Whose account it is; also the number that number and preference events are about."
    )
    template: str | None = Field(default=None, max_length=512, description="The name, for template events.")
    language: str | None = Field(default=None, max_length=15)
    phone: str | None = Field(default=None, pattern=r"^[0-9 +()-]{3,24}$", description="Whose preference it is.")
    score: Literal["GREEN", "YELLOW", "RED"] = "YELLOW"

    @model_validator(mode="after")
    def is_one_of_both(self) -> Self:
        if (self.event is None) == (self.field is None) or (self.field is None) != (self.value is None):
            raise ValueError("give either field and value, or event")
        if self.waba_id is None and self.phone_number_id is None:
            raise ValueError("waba_id or phone_number_id is required")
        if self.event and self.event.startswith("template") and not self.template:
            raise ValueError("template is required with a template event")
        if self.event and self.event.startswith("preference") and not (self.phone and self.phone_number_id):
            raise ValueError("phone and phone_number_id are required with a preference event")
        if len(str(self.value)) > VALUE_MAX:
            raise ValueError(f"value is longer than {VALUE_MAX} characters")
        return self


class Announced(BaseModel):
    """What was handed to the lanes; `GET /_sandbox/webhooks` says when nothing waits any more."""

    id: str
    field: str
    waba_id: str
    value: dict[str, Any]
