"""The shapes of the quarantine's internal routes."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

MetaId = Annotated[str, Field(pattern=r"^[0-9]{1,32}$")]
IDS_MAX = 1_000


class WaitingOut(BaseModel):
    """Webhooks that wait for the same thing: how many, since when; never what they say."""

    reason: str
    phone_number_id: str | None
    waba_id: str | None
    rows: int
    parts: int
    oldest: datetime
    newest: datetime
    oldest_age_seconds: int
    attempts: int


class QuarantineOut(BaseModel):
    """`rows` counts all of them, also those of units beyond the largest thousand."""

    rows: int
    waiting: list[WaitingOut]


class ReplayIn(BaseModel):
    """Which webhooks to try again; `after` is the `next` of the answer before."""

    model_config = ConfigDict(extra="forbid")

    phone_number_id: MetaId | None = None
    waba_id: MetaId | None = None
    reason: Literal["unknown_number", "unknown_waba", "malformed", "too_large", "wrong_signer"] | None = None
    ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=IDS_MAX)] | None = None
    after: UUID | None = None

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if not any((self.phone_number_id, self.waba_id, self.reason, self.ids)):
            raise ValueError("say which: phone_number_id, waba_id, reason or ids")
        return self


class ReplayOut(BaseModel):
    """`replayed` left the quarantine as `facts` facts, `kept` stay; `next` is null when nothing is left to try."""

    replayed: int
    kept: int
    facts: int
    next: UUID | None
