"""Renders what lies on a phone: words, media, buttons and ticks."""

import time
from typing import Any

from services.sandbox.magic.service import Magic
from services.sandbox.numbers.service import Numbers
from services.sandbox.people.bubbles import Bubble
from services.sandbox.people.service import People, iso
from services.sandbox.people.writing import Pen
from services.sandbox.phones.schemas import (
    BubbleView,
    ButtonView,
    ConversationView,
    MediaView,
    PhoneRow,
    PhonesView,
    PhoneView,
)
from services.sandbox.scenarios.service import Scenarios
from services.sandbox.templates.service import fill

ROWS_MAX, ROW_TEXT_MAX = 200, 120  # people in the index, characters of their last message
MEDIA = frozenset({"image", "video", "audio", "document", "sticker"})


class Phones:
    def __init__(self, *, people: People, pen: Pen, numbers: Numbers, scenarios: Scenarios, magic: Magic) -> None:
        self._people = people
        self._pen = pen
        self._numbers = numbers
        self._scenarios = scenarios
        self._magic = {row.phone.lstrip("+"): row for row in magic.table().numbers}

    def index(self) -> PhonesView:
        """The people heard of last."""
        rows = []
        for phone, bubble in self._people.phones(ROWS_MAX):
            if bubble is not None:
                at = iso(bubble.at)
                text = self._bubble(bubble).text[:ROW_TEXT_MAX]
                rows.append(PhoneRow(phone=phone, at=at, text=text, type=bubble.type, own=bubble.is_own))
        return PhonesView(phones=rows)

    def show(self, phone: str) -> PhoneView:
        """Every conversation of this phone, the one with the newest message first."""
        conversations: dict[str, ConversationView] = {}
        for bubble in self._people.bubbles(phone):
            found = conversations.pop(bubble.phone_number_id, None) or self._conversation(phone, bubble.phone_number_id)
            found.bubbles.append(self._bubble(bubble))
            conversations[bubble.phone_number_id] = found
        row = self._magic.get(phone)
        return PhoneView(
            phone=phone,
            bsuid_only=self._scenarios.of(phone).bsuid_only,
            magic={"en": row.en, "ru": row.ru} if row else None,
            conversations=list(reversed(conversations.values())),
        )

    def _conversation(self, phone: str, phone_number_id: str) -> ConversationView:
        number = self._numbers.number(phone_number_id)
        return ConversationView(
            phone_number_id=phone_number_id,
            name=number.verified_name if self._numbers.known(phone_number_id) else phone_number_id,
            display_phone_number=number.display_phone_number,
            window_open=self._people.window_open(phone, phone_number_id, time.time()),
        )

    def _bubble(self, bubble: Bubble) -> BubbleView:
        content = bubble.content
        view = BubbleView(
            wamid=bubble.wamid, own=bubble.is_own, type=bubble.type, text=bubble.text, status=bubble.status,
            at=iso(bubble.at), quotes=bubble.context,
        )  # fmt: skip
        if bubble.type == "template" and isinstance(content, dict):
            self._template(view, bubble, content)
        elif bubble.type == "interactive" and isinstance(content, dict) and not bubble.is_own:
            _interactive(view, content)
        elif isinstance(content, dict):
            view.media = _media(bubble.type, content)
            view.text = view.text or _words(bubble.type, content)
        elif bubble.type == "contacts" and isinstance(content, list):
            view.text = ", ".join(str((one.get("name") or {}).get("formatted_name", "")) for one in content[:10])
        if not bubble.is_own:
            view.buttons = self._buttons(bubble)
        return view

    def _template(self, view: BubbleView, bubble: Bubble, use: dict[str, Any]) -> None:
        template = self._pen.template_of(bubble)
        header = _parameters(use, "header")
        for parameter in header:
            if parameter.get("type") in MEDIA:
                view.media = _media(parameter["type"], parameter.get(parameter["type"]) or {})
        if template is None or not template.body_text:
            return
        view.text = fill(template.body_text, _values(_parameters(use, "body")))
        view.header = fill(str((template.header or {}).get("text") or ""), _values(header))
        footers = [one for one in template.components or () if str(one.get("type", "")).upper() == "FOOTER"]
        view.footer = str(footers[0].get("text", "")) if footers else ""

    def _buttons(self, bubble: Bubble) -> list[ButtonView]:
        views, press = [], 0
        for button in self._pen.buttons_of(bubble):
            views.append(ButtonView(title=button.title, description=button.description))
            if button.reply is not None:
                views[-1].press = press
                press += 1
        return views


def _parameters(use: dict[str, Any], component: str) -> list[dict[str, Any]]:
    found = [one for one in use.get("components") or () if str(one.get("type")).lower() == component]
    return [parameter for one in found for parameter in one.get("parameters") or ()]


def _values(parameters: list[dict[str, Any]]) -> dict[str, str]:
    values = {}
    for position, one in enumerate(parameters, start=1):
        shown = one.get("currency") or one.get("date_time") or {}
        values[one.get("parameter_name") or str(position)] = str(one.get("text") or shown.get("fallback_value", ""))
    return values


def _interactive(view: BubbleView, content: dict[str, Any]) -> None:
    header = content.get("header") or {}
    view.header = str(header.get("text") or "")
    view.text = str((content.get("body") or {}).get("text") or "")
    view.footer = str((content.get("footer") or {}).get("text") or "")
    if header.get("type") in MEDIA:
        view.media = _media(header["type"], header.get(header["type"]) or {})


def _media(kind: str, content: dict[str, Any]) -> MediaView | None:
    if kind not in MEDIA:
        return None
    names = {name: content.get(name) for name in ("id", "link", "filename")}
    return MediaView(kind=kind, **{name: value if isinstance(value, str) else None for name, value in names.items()})


def _words(kind: str, content: dict[str, Any]) -> str:
    if kind == "location":
        return str(content.get("name") or f"{content.get('latitude')}, {content.get('longitude')}")
    if kind == "edit":
        return str(((content.get("message") or {}).get("text") or {}).get("body", ""))
    return str(content.get("caption") or content.get("emoji") or content.get("body") or "")
