"""How a magic number is shown."""

from pydantic import BaseModel, Field


class MagicNumber(BaseModel):
    """One row of the table."""

    phone: str = Field(description="With its +.")
    en: str = Field(description="What happens, in English.")
    ru: str = Field(description="What happens, in Russian.")
    code: int | None = Field(default=None, description="The error code that it brings.")


class MagicTable(BaseModel):
    numbers: list[MagicNumber]
