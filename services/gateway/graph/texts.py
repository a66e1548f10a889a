"""Texts, reactions, places and quotations of a send request."""

import math
from typing import Annotated

import msgspec

from services.gateway.graph import limits
from services.gateway.graph.decoding import missing, wrong
from services.gateway.graph.errors import InvalidParameter

MessageId = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MESSAGE_ID_CHARACTERS_MAX)]
_Place = Annotated[str, msgspec.Meta(max_length=limits.PLACE_CHARACTERS_MAX)]

LATITUDE_MAX = 90
LONGITUDE_MAX = 180


class Text(msgspec.Struct, omit_defaults=True):
    body: str = ""
    preview_url: bool | None = None


class Context(msgspec.Struct):
    message_id: MessageId


class Reaction(msgspec.Struct):
    """An empty emoji takes an earlier reaction back."""

    message_id: MessageId
    emoji: Annotated[str, msgspec.Meta(max_length=limits.EMOJI_CHARACTERS_MAX)]


class Location(msgspec.Struct, omit_defaults=True):
    """Clients send the degrees as numbers and as text; Meta takes both."""

    latitude: float | str
    longitude: float | str
    name: _Place | None = None
    address: _Place | None = None


def check_text(text: Text) -> None:
    if not text.body:
        missing('text.body is required: {"type": "text", "text": {"body": "..."}}.')
    if len(text.body) > limits.TEXT_CHARACTERS_MAX:
        raise InvalidParameter(f"text.body must be at most {limits.TEXT_CHARACTERS_MAX} characters long: split it.")


def check_location(location: Location, at: str) -> None:
    _check_degrees(location.latitude, f"{at}.latitude", LATITUDE_MAX)
    _check_degrees(location.longitude, f"{at}.longitude", LONGITUDE_MAX)


def _check_degrees(value: float | str, at: str, limit: int) -> None:
    try:
        degrees = float(value)
    except ValueError:
        degrees = math.nan
    if not -limit <= degrees <= limit:
        wrong(f"{at} must be a number of degrees from -{limit} to {limit}.")
