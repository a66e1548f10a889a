"""What the controls show of a person, and what they may make one say."""

from pydantic import BaseModel, ConfigDict, Field


class Writing(BaseModel):
    """What a person writes, by default to the number that last wrote to them."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=4096)
    phone_number_id: str | None = Field(default=None, pattern=r"^\d{1,20}$")


class Written(BaseModel):
    id: str


class Call(BaseModel):
    """One Graph call about this person; `ended_at` is missing while the caller still waits."""

    n: int
    phone_number_id: str
    type: str
    text: str
    outcome: str
    wamid: str | None
    biz_opaque_callback_data: str | None
    started_at: str
    ended_at: str | None = None


class Received(BaseModel):
    """A message on the person's phone."""

    wamid: str
    phone_number_id: str
    type: str
    text: str
    at: str


class PersonView(BaseModel):
    """`max_concurrent` counts calls at the same time over all numbers, `..._by_number` for each number alone."""

    phone: str
    max_concurrent: int = 0
    max_concurrent_by_number: dict[str, int] = Field(default_factory=dict)
    sends: list[Call] = Field(default_factory=list)
    inbox: list[Received] = Field(default_factory=list)
