"""The documented shape of a person's script."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Action = Literal[
    "read", "text", "button", "list", "reaction", "image", "voice", "video", "document", "sticker", "location",
    "contacts", "order", "edit", "revoke", "stop", "ignore",
]  # fmt: skip
Delay = Annotated[float, Field(ge=0, le=3600)]
STEPS_MAX, RULES_MAX = 20, 20


class Step(BaseModel):
    """One thing the person does."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    do: Action = Field(
        description="`stop` writes STOP (or `text`), `ignore` ends the steps, the others say themselves."
    )
    after_seconds: Delay | tuple[Delay, Delay] = Field(
        default=0.0, description="Since the step before; two numbers: somewhere between them, drawn from the seed."
    )
    text: str | None = Field(
        default=None, min_length=1, max_length=4096, description="The words, the caption, or the emoji of a reaction."
    )
    press: int = Field(default=0, ge=0, le=99, description="With button or list: which, counted from 0.")
    quote: bool = Field(default=False, description="Quote the message that is answered.")

    @model_validator(mode="after")
    def has_words(self) -> Self:
        if self.do == "text" and self.text is None:
            raise ValueError("text is required with do: text")
        return self


class Rule(BaseModel):
    """On a message that fits all of the conditions, do the steps; of several rules the first that fits counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: str | None = Field(default=None, max_length=30, description="The message's type.")
    contains: str | None = Field(
        default=None, min_length=1, max_length=200, description="Part of its words, whatever their case."
    )
    phone_number_id: str | None = Field(default=None, pattern=r"^\d{1,20}$", description="From this number only.")
    times: int | None = Field(default=None, ge=1, description="So many times, then never again.")
    steps: list[Step] = Field(max_length=STEPS_MAX)


class Script(BaseModel):
    """What a person does about messages, in place of reading them by themselves.

    With a script the statuses end at `delivered` (unless a scenario says otherwise); `read` is a step.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    seed: int = 0
    rules: list[Rule] = Field(default_factory=list, max_length=RULES_MAX)
    begin: list[Step] = Field(
        default_factory=list,
        max_length=STEPS_MAX,
        description="Done at once, to phone_number_id: nobody need write first.",
    )
    phone_number_id: str | None = Field(default=None, pattern=r"^\d{1,20}$", description="To whom `begin` writes.")
