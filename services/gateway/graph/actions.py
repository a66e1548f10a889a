"""Actions of interactive messages that are checked in full: reply buttons, lists, links and requests for a place."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import msgspec

from services.gateway.graph import limits
from services.gateway.graph.decoding import decode, missing, wrong
from services.gateway.graph.errors import InvalidParameter
from services.gateway.graph.medias import check_link

Read = Callable[[msgspec.Raw, str], Any]

_Title = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.BUTTON_TITLE_CHARACTERS_MAX)]


class Reply(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.REPLY_ID_CHARACTERS_MAX)]
    title: _Title


class ReplyButton(msgspec.Struct):
    reply: Reply
    type: str = "reply"


class Buttons(msgspec.Struct):
    buttons: Annotated[list[ReplyButton], msgspec.Meta(min_length=1, max_length=limits.REPLY_BUTTONS_MAX)]


class Row(msgspec.Struct, omit_defaults=True):
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.ROW_ID_CHARACTERS_MAX)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.ROW_TITLE_CHARACTERS_MAX)]
    description: Annotated[str, msgspec.Meta(max_length=limits.ROW_DESCRIPTION_CHARACTERS_MAX)] | None = None


class Section(msgspec.Struct, omit_defaults=True):
    rows: Annotated[list[Row], msgspec.Meta(min_length=1)]
    title: Annotated[str, msgspec.Meta(max_length=limits.SECTION_TITLE_CHARACTERS_MAX)] | None = None


class List(msgspec.Struct):
    button: _Title
    sections: Annotated[list[Section], msgspec.Meta(min_length=1, max_length=limits.LIST_SECTIONS_MAX)]


class LinkParameters(msgspec.Struct):
    display_text: _Title
    url: str


class Link(msgspec.Struct):
    name: str
    parameters: LinkParameters


class Named(msgspec.Struct):
    name: str


_buttons = msgspec.json.Decoder(Buttons)
_list = msgspec.json.Decoder(List)
_link = msgspec.json.Decoder(Link)
_named = msgspec.json.Decoder(Named)


def read_buttons(raw: msgspec.Raw, at: str) -> Buttons:
    action = decode(_buttons, raw, at)
    for index, button in enumerate(action.buttons):
        if button.type != "reply":
            wrong(f'{at}.buttons[{index}].type must be "reply".')
        if button.reply.id != button.reply.id.strip():
            wrong(f"{at}.buttons[{index}].reply.id must not begin or end with a space.")
    check_unique([button.reply.id for button in action.buttons], f"{at}.buttons", "reply.id")
    check_unique([button.reply.title for button in action.buttons], f"{at}.buttons", "reply.title")
    return action


def read_list(raw: msgspec.Raw, at: str) -> List:
    action = decode(_list, raw, at)
    check_titles([section.title for section in action.sections], f"{at}.sections")
    rows = [row for section in action.sections for row in section.rows]
    if len(rows) > limits.LIST_ROWS_MAX:
        raise InvalidParameter(f"{at}.sections must hold at most {limits.LIST_ROWS_MAX} rows in total.")
    check_unique([row.id for row in rows], f"{at}.sections", "rows[].id")
    return action


def read_cta_url(raw: msgspec.Raw, at: str) -> Link:
    action = decode(_link, raw, at)
    check_name(action.name, "cta_url", at)
    check_link(action.parameters.url, f"{at}.parameters.url")
    return action


def read_location_request(raw: msgspec.Raw, at: str) -> Named:
    action = decode(_named, raw, at)
    check_name(action.name, "send_location", at)
    return action


def check_name(given: str, wanted: str, at: str) -> None:
    if given != wanted:
        wrong(f'{at}.name must be "{wanted}".')


def check_titles(titles: list[str | None], at: str) -> None:
    """A section of several needs a title (whatsapp-cloud-api 2.2)."""
    for index, title in enumerate(titles):
        if len(titles) > 1 and not title:
            missing(f"{at}[{index}].title is required where there is more than one section.")


def check_unique(values: Iterable[str], at: str, field: str) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            wrong(f"{at}: {field} must be unique in the message.")
        seen.add(value)
