"""What the controls show of a person, and what they may make one say."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

InboundType = Literal[
    "text", "image", "video", "audio", "document", "sticker", "location", "contacts", "reaction", "button",
    "interactive", "order", "system", "edit", "revoke", "unsupported", "request_welcome",
]  # fmt: skip
NumberId = Annotated[str, Field(pattern=r"^\d{1,20}$")]
CONTENT_MAX = 65_536  # characters of a content as JSON


class Writing(BaseModel):
    """What a person writes, by default to the number that last wrote to them.

    `{"text": "hi"}` is enough. Any other type: `{"type": "location"}` sends a ready-made one, and Meta's own object
    under the type's name (`{"type": "location", "location": {...}}`) sends exactly that.
    """

    model_config = ConfigDict(extra="forbid")
    type: InboundType = "text"
    text: str | None = Field(default=None, min_length=1, max_length=4096, description="The text, or a caption.")
    content: Any = Field(
        default=None, description="The object under the type's name, as it shall stand in the webhook."
    )
    phone_number_id: NumberId | None = None
    reply_to: str | None = Field(default=None, max_length=200, description="The wamid that the message quotes.")
    press: int | None = Field(
        default=None, ge=0, le=99, description="With button or interactive: which button or row of the last message."
    )
    voice: bool = Field(default=False, description="With audio: a voice note.")
    forwarded: bool = False
    referral: dict[str, Any] | None = Field(default=None, description="The advertisement the person came from.")
    bsuid_only: bool | None = Field(default=None, description="In place of the scenario's.")

    @model_validator(mode="before")
    @classmethod
    def take_metas_own_form(cls, given: Any) -> Any:
        """Meta's object under the type's name becomes `content`; Meta's `{"text": {"body"}}` the text."""
        if not isinstance(given, dict):
            return given
        found, kind = dict(given), given.get("type", "text")
        if isinstance(found.get("text"), dict):
            found["text"] = found["text"].get("body")
        if isinstance(kind, str) and kind != "text" and kind in found:
            found["content"] = found.pop(kind)
        return found

    @model_validator(mode="after")
    def says_something(self) -> Self:
        if self.type == "text" and self.text is None:
            raise ValueError("text is required with the type text")
        if len(str(self.content)) > CONTENT_MAX:
            raise ValueError(f"content is longer than {CONTENT_MAX} characters")
        return self


class Written(BaseModel):
    id: str


class Burst(BaseModel):
    """Many people write at once, and Meta tells it in one POST of at most 3 MB."""

    model_config = ConfigDict(extra="forbid")
    n: int = Field(ge=1, le=1000, description="How many messages.")
    phone_number_id: NumberId
    first_phone: str = Field(default="79996000000", pattern=r"^\d{3,15}$", description="They are counted up from it.")
    people: int = Field(default=1000, ge=1, le=1000, description="How many people share the messages.")
    text: str = Field(default="Привет", min_length=1, max_length=4096)
    per_value: int = Field(default=1, ge=1, le=1000, description="How many messages stand in one `value`.")


class Told(BaseModel):
    """`status` is the webhook's answer, 0 if there was none or the POST would be larger than 3 MB."""

    status: int
    bytes: int
    wamids: list[str]


class Forgery(BaseModel):
    """A POST by somebody who does not know the app secret."""

    model_config = ConfigDict(extra="forbid")
    phone_number_id: NumberId
    phone: str = Field(default="79996000000", pattern=r"^\d{3,15}$")
    text: str = Field(default="forged", min_length=1, max_length=4096)
    signature: Literal["wrong", "missing", "malformed"] = "wrong"


class Answered(BaseModel):
    status: int = Field(description="What the webhook answered: 401 or 403 if it is right; 0 for no answer.")


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
    """A message on the person's phone; `content` is the object under the type's name."""

    wamid: str
    phone_number_id: str
    type: str
    text: str
    at: str
    status: str = ""
    content: Any = None


class PersonView(BaseModel):
    """`max_concurrent` counts calls at the same time over all numbers, `..._by_number` for each number alone."""

    phone: str
    max_concurrent: int = 0
    max_concurrent_by_number: dict[str, int] = Field(default_factory=dict)
    sends: list[Call] = Field(default_factory=list)
    inbox: list[Received] = Field(default_factory=list)
