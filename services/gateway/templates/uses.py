"""What a send request gives a template, as the stored shape of the template is compared with it (hot path)."""

from typing import NamedTuple


class Given(NamedTuple):
    """One parameter; `text` is its value where that is a text, a coupon code or a payload."""

    type: str
    name: str | None
    text: str | None

    def __repr__(self) -> str:
        return f"Given(type={self.type!r}, name={self.name!r})"


class ButtonUse(NamedTuple):
    """The parameters of the button at a place, from 0; `sub_type` is in lower case."""

    place: int
    sub_type: str
    parameters: tuple[Given, ...]


class Parts(NamedTuple):
    """What a request gives the parts of a template, or of one card of its carousel."""

    header: tuple[Given, ...] = ()
    body: tuple[Given, ...] = ()
    buttons: tuple[ButtonUse, ...] = ()
    has_offer: bool = False
    cards: tuple["Parts", ...] = ()


class TemplateUse(NamedTuple):
    """A template by name and language, with what it is filled with."""

    name: str
    language: str
    parts: Parts

    @property
    def body_parameters(self) -> int:
        return len(self.parts.body)
