"""What the sandbox may be told about business numbers and templates."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Category = Literal["marketing", "utility", "authentication"]


class Number(BaseModel):
    """A business number: the account that its webhooks name, and the number that people see."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    waba_id: str = Field(default="0", pattern=r"^\d{1,20}$")
    display_phone_number: str = Field(default="", pattern=r"^[0-9 +()-]{0,24}$")


class Template(BaseModel):
    """An approved template. Once one of a name is known, another language or parameter count is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    category: Category
    language: str | None = Field(default=None, max_length=15)
    body_parameters: int | None = Field(default=None, ge=0, le=100)


class Registry(BaseModel):
    """The whole registry, as it stands in its file."""

    numbers: dict[str, Number] = Field(default_factory=dict)
    templates: dict[str, Template] = Field(default_factory=dict)
