"""The shapes of `/v1/callback`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CallbackIn(BaseModel):
    """Where to call the tenant."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(min_length=1, max_length=10_000)


class CallbackOut(BaseModel):
    """Where the tenant is called. `disabled` means that the URL answered 410 Gone: give one again."""

    url: str | None
    state: Literal["unset", "active", "disabled"]
    secret_hint: str
