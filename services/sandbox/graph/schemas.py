"""The request shapes of `POST /{version}/{phone_number_id}/messages` and the checks of their values."""

import re
from typing import Any

import msgspec

from services.sandbox.graph.errors import GraphError

OTHER_TYPES = frozenset({"image", "audio", "video", "document", "sticker", "location", "contacts", "reaction"}) | {
    "interactive"
}  # taken as they are: the sandbox looks into text and template only
TEXT_MAX, CALLBACK_DATA_MAX, TEMPLATE_NAME_MAX, COMPONENTS_MAX = 4096, 512, 512, 20
_PHONE = re.compile(r"[0-9+() -]{3,32}")
_DIGITS = re.compile(r"[0-9]")


class Text(msgspec.Struct):
    body: str | None = None
    preview_url: bool = False


class Language(msgspec.Struct):
    code: str | None = None


class Parameter(msgspec.Struct):
    type: str | None = None
    text: str | None = None


class Component(msgspec.Struct):
    type: str | None = None
    parameters: list[Parameter] = []


class Template(msgspec.Struct):
    name: str | None = None
    language: Language | None = None
    components: list[Component] = []

    @property
    def body_parameters(self) -> list[Parameter]:
        return [p for c in self.components if (c.type or "").lower() == "body" for p in c.parameters]


class Message(msgspec.Struct):
    """What may be posted; a `status` makes it a read mark, which is no message."""

    messaging_product: str | None = None
    to: str | None = None
    type: str = "text"
    recipient_type: str = "individual"
    text: Text | None = None
    template: Template | None = None
    biz_opaque_callback_data: str | None = None
    status: str | None = None
    message_id: str | None = None

    @property
    def is_mark(self) -> bool:
        return self.status is not None

    @property
    def words(self) -> str:
        """What the person would see, as far as the sandbox knows: the text, or the template with its parameters."""
        if self.text is not None:
            return self.text.body or ""
        if self.template is None:
            return ""
        return " | ".join([self.template.name or "", *(p.text or "" for p in self.template.body_parameters)])


class Addressed(msgspec.Struct):
    """As much of a broken request as its record needs."""

    to: Any = None
    type: Any = "text"
    biz_opaque_callback_data: Any = None


_decode = msgspec.json.Decoder(Message).decode
_decode_addressed = msgspec.json.Decoder(Addressed).decode


def parse(body: bytes) -> Message:
    try:
        return _decode(body)
    except msgspec.DecodeError as error:  # its words name the field, never the value
        raise GraphError(100, f"Invalid parameter: {error}") from error


def addressed(body: bytes) -> Addressed:
    try:
        return _decode_addressed(body)
    except msgspec.DecodeError:
        return Addressed()


def check(message: Message, body: bytes) -> None:
    """Raise the error Meta would answer."""
    if message.messaging_product != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
    if message.is_mark:
        _check_mark(message)
        return
    if not message.to:
        raise GraphError(100, "The parameter to is required.")
    if not _PHONE.fullmatch(message.to) or len(_DIGITS.findall(message.to)) < 3:
        raise GraphError(131009, "The parameter to is not a valid phone number.")
    if len(message.biz_opaque_callback_data or "") > CALLBACK_DATA_MAX:
        raise GraphError(131009, f"biz_opaque_callback_data must be at most {CALLBACK_DATA_MAX} characters long.")
    _check_content(message, body)


def _check_mark(message: Message) -> None:
    if message.status != "read":
        raise GraphError(131009, "The parameter status must be read.", is_of_message=False)
    if not message.message_id:
        raise GraphError(131008, "The parameter message_id is required.", is_of_message=False)


def _check_content(message: Message, body: bytes) -> None:
    if message.type == "text":
        _check_text(message.text)
    elif message.type == "template":
        _check_template(message.template)
    elif message.type not in OTHER_TYPES:
        raise GraphError(131051, "The message type is not supported.")
    elif message.type not in msgspec.json.decode(body):
        raise GraphError(131008, f"The parameter {message.type} is required.")


def _check_text(text: Text | None) -> None:
    if text is None or text.body is None:
        raise GraphError(131008, "The parameter text['body'] is required.")
    if not text.body.strip():
        raise GraphError(131009, "The parameter text['body'] must not be empty.")
    if len(text.body) > TEXT_MAX:
        raise GraphError(100, f"Param text['body'] must be at most {TEXT_MAX} characters long.")


def _check_template(template: Template | None) -> None:
    if template is None or not template.name:
        raise GraphError(131008, "The parameter template['name'] is required.")
    if template.language is None or not template.language.code:
        raise GraphError(131008, "The parameter template['language']['code'] is required.")
    if len(template.name) > TEMPLATE_NAME_MAX or len(template.components) > COMPONENTS_MAX:
        raise GraphError(131009, "The template's name or its components are too long.")
    for parameter in template.body_parameters:
        if parameter.type is None:
            raise GraphError(131008, "The parameter type of a template parameter is required.")
        if parameter.type == "text" and not parameter.text:
            raise GraphError(132012, "A template parameter of type text needs its text.")
