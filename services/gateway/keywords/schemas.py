"""What a tenant says and reads about its keywords."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

WORDS_MAX = 50
WORD_CHARACTERS_MAX = 200  # the webhook takes nothing longer for a keyword
TEXT_CHARACTERS_MAX = 1_000

STORABLE = r"^[^\x00]*$"  # PostgreSQL keeps no NUL

Word = Annotated[
    str, StringConstraints(min_length=1, max_length=WORD_CHARACTERS_MAX, strip_whitespace=True, pattern=STORABLE)
]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=TEXT_CHARACTERS_MAX, strip_whitespace=True, pattern=STORABLE)
]


class Confirmations(BaseModel):
    """What a person is told once; null stands for the shipped text."""

    model_config = ConfigDict(extra="forbid")

    stopped: Text | None = Field(None, description="After a STOP.", examples=["Вы отписаны. Чтобы вернуться: СТАРТ"])
    started: Text | None = Field(None, description="After a START that lifted a STOP.", examples=["С возвращением!"])


class Keywords(BaseModel):
    """Your words beside the built-in ones (STOP, СТОП, отписаться, START, ...), which always work.

    A word counts when it is the whole message; case, ё, spaces and punctuation around it do not matter.
    """

    model_config = ConfigDict(extra="forbid")

    stop: list[Word] = Field(default=[], max_length=WORDS_MAX, description="End consent.", examples=[["Хватит писать"]])
    start: list[Word] = Field(default=[], max_length=WORDS_MAX, description="Lift a STOP.", examples=[["Пишите снова"]])
    confirmations: Confirmations = Field(default=Confirmations(stopped=None, started=None))
