"""A request of the send door: decoded, checked and written again in one canonical form (hot path).

Like Meta we tolerate unknown fields; they are dropped, so that what is sealed is only what was checked.
"""

from typing import Annotated, Any

import msgspec

from services.gateway.graph.errors import (
    InvalidParameter,
    InvalidValue,
    MissingParameter,
    UnsupportedType,
)
from services.gateway.graph.service import Send, TemplateUse
from services.kernel.phones import country_of, normalise_phone

TEXT_CHARACTERS_MAX = 4_096
CALLBACK_DATA_CHARACTERS_MAX = 512
SUPPORTED = ("text", "template")
PARAMETER_VALUES = {"text": "text", "currency": "currency", "date_time": "date_time"}  # type -> the field it needs
ABSENT = msgspec.Raw(b"null")

TemplateName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]{1,512}$")]
LanguageCode = Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2,3}(_[A-Za-z0-9]{2,4})?$")]
CallbackData = Annotated[str, msgspec.Meta(max_length=CALLBACK_DATA_CHARACTERS_MAX)]
IdentityHash = Annotated[str, msgspec.Meta(max_length=128)]


class Text(msgspec.Struct, omit_defaults=True):
    body: str = ""
    preview_url: bool = False


class Language(msgspec.Struct):
    code: LanguageCode


class Component(msgspec.Struct, omit_defaults=True):
    type: str
    sub_type: str | None = None
    index: str | int | None = None
    parameters: list[dict[str, Any]] = []


class Template(msgspec.Struct, omit_defaults=True):
    name: TemplateName
    language: Language
    components: list[Component] = []


class Request(msgspec.Struct, omit_defaults=True):
    """What is known of Meta's request; `context`, `recipient` and `status` only to say that they are not supported."""

    messaging_product: str = ""
    recipient_type: str = "individual"
    to: str | None = None
    type: str | None = None
    text: Text | None = None
    template: Template | None = None
    recipient_identity_key_hash: IdentityHash | None = None
    biz_opaque_callback_data: CallbackData | None = None
    context: msgspec.Raw = ABSENT
    recipient: msgspec.Raw = ABSENT
    status: msgspec.Raw = ABSENT


_decode = msgspec.json.Decoder(Request).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def read_send(raw: bytes) -> Send:
    """The checked request; raises GraphError with a sentence that says what to do."""
    request = _read(raw)
    if request.messaging_product != "whatsapp":
        raise InvalidParameter('The parameter messaging_product is required: set it to "whatsapp".')
    kind = _kind(request)
    given, phone, country = _recipient(request)
    part: Text | Template
    template = None
    if kind == "text":
        part = _text(request)
    else:
        part = _template(request)
        template = TemplateUse(part.name, part.language.code, _body_parameters(part))
    return Send(
        to=given,
        phone=phone,
        country=country,
        kind="template" if template else "text",
        body=_canonical(request, phone, kind, part),
        template=template,
    )


def _read(raw: bytes) -> Request:
    try:
        return _decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"{error}. Send the JSON object that Meta documents for messages.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidParameter("The body is not valid JSON in UTF-8: send one JSON object.") from None


def _kind(request: Request) -> str:
    if request.status != ABSENT:
        raise UnsupportedType("Read marks and typing indicators are not supported yet: send text or template.")
    if request.context != ABSENT:
        raise InvalidValue("Quoting a message with context is not supported yet: leave context out.")
    kind = request.type or "text"
    if kind not in SUPPORTED:
        raise UnsupportedType(f"Only these types are supported now: {', '.join(SUPPORTED)}.")
    return kind


def _recipient(request: Request) -> tuple[str, str, str]:
    """(as given, E.164 with '+', country)"""
    if request.recipient_type != "individual":
        raise InvalidValue('Groups are not supported: leave recipient_type out or set it to "individual".')
    if request.to is None:
        hint = "" if request.recipient == ABSENT else " Business-scoped user ids in recipient are not supported yet."
        raise MissingParameter(f"to is required: the recipient's number with its country code.{hint}")
    try:
        return request.to, normalise_phone(request.to), country_of(request.to)
    except ValueError as error:
        raise InvalidParameter(f"to: {error}") from None


def _text(request: Request) -> Text:
    if request.text is None or not request.text.body:
        raise MissingParameter('text.body is required: {"type": "text", "text": {"body": "..."}}.')
    if len(request.text.body) > TEXT_CHARACTERS_MAX:
        raise InvalidParameter(f"text.body must be at most {TEXT_CHARACTERS_MAX} characters long: split it.")
    return request.text


def _template(request: Request) -> Template:
    if request.template is None:
        raise MissingParameter('template is required: {"name": "...", "language": {"code": "..."}}.')
    return request.template


def _body_parameters(template: Template) -> int:
    bodies = [component for component in template.components if component.type.lower() == "body"]
    if len(bodies) > 1:
        raise InvalidParameter("template.components holds more than one body: send one.")
    parameters = bodies[0].parameters if bodies else []
    for position, parameter in enumerate(parameters, start=1):
        if problem := _parameter_problem(parameter):
            raise MissingParameter(f"Body parameter {position}: {problem}")
    return len(parameters)


def _parameter_problem(parameter: dict[str, Any]) -> str | None:
    needed = PARAMETER_VALUES.get(str(parameter.get("type")))
    if needed is None:
        return f"type must be one of {', '.join(PARAMETER_VALUES)}."
    value = parameter.get(needed)
    if not value or not isinstance(value, str if needed == "text" else dict):
        return f"{needed} is required and must not be empty."
    return None


def _canonical(request: Request, phone: str, kind: str, part: Text | Template) -> bytes:
    content = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": phone,
        "type": kind,
        kind: part,
        "recipient_identity_key_hash": request.recipient_identity_key_hash,
        "biz_opaque_callback_data": request.biz_opaque_callback_data,
    }
    try:
        return _encode({name: value for name, value in content.items() if value is not None})
    except RecursionError:
        raise InvalidParameter("The components are nested too deeply.") from None
