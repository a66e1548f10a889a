"""What the page is told of a phone."""

from typing import Literal

from pydantic import BaseModel, Field


class ButtonView(BaseModel):
    """`press` counts only what answers; it is None for what leads out of WhatsApp."""

    title: str
    description: str = ""
    press: int | None = None


class MediaView(BaseModel):
    kind: str
    id: str | None = Field(default=None, description="Of the sandbox's library; None for a link, which is not fetched.")
    link: str | None = None
    filename: str | None = None


class BubbleView(BaseModel):
    wamid: str
    own: bool = Field(description="The person wrote it.")
    type: str
    header: str = ""
    text: str = ""
    footer: str = ""
    status: str
    at: str
    quotes: str | None = None
    media: MediaView | None = None
    buttons: list[ButtonView] = Field(default_factory=list)


class ConversationView(BaseModel):
    """One person and one business number."""

    phone_number_id: str
    name: str
    display_phone_number: str
    window_open: bool
    bubbles: list[BubbleView] = Field(default_factory=list)


class PhoneView(BaseModel):
    phone: str
    bsuid_only: bool = False
    magic: dict[Literal["en", "ru"], str] | None = None
    conversations: list[ConversationView] = Field(default_factory=list)


class PhoneRow(BaseModel):
    phone: str
    at: str
    text: str
    type: str
    own: bool


class PhonesView(BaseModel):
    phones: list[PhoneRow]
