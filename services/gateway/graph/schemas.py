"""A request of the send door: decoded, checked and written again in one canonical form (hot path).

Like Meta we tolerate unknown fields; they are dropped, so that what is sealed is only what was checked.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec

from services.gateway.graph import limits, medias
from services.gateway.graph.contacts import Contacts, check_contacts
from services.gateway.graph.decoding import (
    ABSENT,
    NOT_JSON,
    check_body_nesting,
    check_characters,
    check_keys,
    decode,
    missing,
    wrong,
)
from services.gateway.graph.errors import InvalidParameter, UnsupportedType
from services.gateway.graph.interactives import read_interactive
from services.gateway.graph.medias import Media, MediaUse, check_media
from services.gateway.graph.options import PRICE_CHARACTERS_MAX, price_of
from services.gateway.graph.recipients import Recipient, read_recipient
from services.gateway.graph.sends import ReadMark, Send
from services.gateway.graph.template_parts import Template, read_template
from services.gateway.graph.texts import Context, Location, MessageId, Reaction, Text, check_location, check_text
from services.gateway.templates.uses import TemplateUse

CallbackData = Annotated[str, msgspec.Meta(max_length=limits.CALLBACK_DATA_CHARACTERS_MAX)]
To = Annotated[str, msgspec.Meta(max_length=limits.RECIPIENT_CHARACTERS_MAX)]
IdentityHash = Annotated[str, msgspec.Meta(max_length=limits.IDENTITY_HASH_CHARACTERS_MAX)]
Price = Annotated[str, msgspec.Meta(max_length=PRICE_CHARACTERS_MAX)]


class Typing(msgspec.Struct):
    type: str


class Request(msgspec.Struct, omit_defaults=True):
    """What is known of Meta's request; kinds that are seldom sent are decoded when it is known that they are meant."""

    messaging_product: str = ""
    recipient_type: str | None = None
    to: To | None = None
    recipient: str | None = None
    type: str | None = None
    text: Text | None = None
    template: Template | None = None
    interactive: msgspec.Raw = ABSENT
    image: msgspec.Raw = ABSENT
    video: msgspec.Raw = ABSENT
    audio: msgspec.Raw = ABSENT
    document: msgspec.Raw = ABSENT
    sticker: msgspec.Raw = ABSENT
    location: msgspec.Raw = ABSENT
    contacts: msgspec.Raw = ABSENT
    reaction: msgspec.Raw = ABSENT
    context: Context | None = None
    recipient_identity_key_hash: IdentityHash | None = None
    message_activity_sharing: bool | None = None
    biz_opaque_callback_data: CallbackData | None = None
    max_price: Price | None = None
    status: str | None = None
    message_id: MessageId | None = None
    typing_indicator: Typing | None = None

    def __repr__(self) -> str:
        return f"Request(type={self.type!r})"


class Part(NamedTuple):
    """The content of a message, ready to be encoded, and the ids of ours in it."""

    content: Any
    template: TemplateUse | None = None
    media: tuple[MediaUse, ...] = ()
    reacted_to: str | None = None

    def __repr__(self) -> str:
        return "Part()"


# What goes along to Meta beside the content.
OPTIONS = ("context", "recipient_identity_key_hash", "message_activity_sharing", "biz_opaque_callback_data")

_decoder = msgspec.json.Decoder(Request)
_media_decoder = msgspec.json.Decoder(Media)
_location_decoder = msgspec.json.Decoder(Location)
_contacts_decoder = msgspec.json.Decoder(Contacts)
_reaction_decoder = msgspec.json.Decoder(Reaction)
_encode = msgspec.json.Encoder(order="deterministic").encode


def read_request(raw: bytes) -> Send | ReadMark:
    """The checked request; raises GraphError with a sentence that names the field and the rule."""
    request = decode(_decoder, raw)
    check_characters(raw)
    check_body_nesting(raw)
    if request.messaging_product != "whatsapp":
        raise InvalidParameter('messaging_product is required: set it to "whatsapp".')
    return _message(request, raw) if request.status is None else _read_mark(request)


def read_send(raw: bytes) -> Send:
    """A message to send; raises GraphError, also for a read mark."""
    request = read_request(raw)
    if isinstance(request, ReadMark):
        raise UnsupportedType("status: read marks are not messages; post them alone to /{phone_number_id}/messages.")
    return request


def _message(request: Request, raw: bytes) -> Send:
    kind = request.type or "text"
    read = READERS.get(kind)
    if read is None:
        raise UnsupportedType(f"type must be one of {', '.join(READERS)}.")
    recipient = read_recipient(request.recipient_type, request.to, request.recipient)
    part = read(request, kind)
    if part.reacted_to is not None and request.context is not None:
        wrong("context is not possible with a reaction: leave it out.")
    body = _canonical(request, recipient, kind, part.content)
    if not _is_all_of(raw, body, request):
        check_keys(raw)
    return Send(
        to=recipient.given,
        phone=recipient.phone,
        bsuid=recipient.bsuid,
        country=recipient.country,
        kind=kind,  # type: ignore[arg-type]  # READERS has no other
        body=body,
        template=part.template,
        media=part.media,
        quoted=request.context.message_id if request.context else None,
        reacted_to=part.reacted_to,
        max_price_micros=price_of(request.max_price, "max_price"),
    )


def _read_mark(request: Request) -> ReadMark:
    if request.status != "read":
        wrong('status must be "read".')
    if request.message_id is None:
        missing("message_id is required: the id of a message that you got in a callback.")
    typing = request.typing_indicator
    if typing is not None and typing.type != "text":
        wrong('typing_indicator.type must be "text".')
    return ReadMark(request.message_id, is_typing=typing is not None)


def _text(request: Request, kind: str) -> Part:
    if request.text is None:
        missing('text.body is required: {"type": "text", "text": {"body": "..."}}.')
    check_text(request.text)
    return Part(request.text)


def _template(request: Request, kind: str) -> Part:
    template = request.template
    if template is None:
        missing('template is required: {"name": "...", "language": {"code": "..."}}.')
    use = read_template(template)
    if not use.parts.cards and all(given.type not in medias.KINDS for given in use.parts.header):
        return Part(template, use)
    return Part(template, use, tuple(medias.uses(msgspec.to_builtins(template), ("template",))))


def _interactive(request: Request, kind: str) -> Part:
    content = read_interactive(_given(request, kind))
    found = list(medias.uses({"header": msgspec.to_builtins(content.get("header"))}, (kind,)))
    if content["type"] == "carousel":
        found += medias.uses(content["action"], (kind, "action"))
    return Part(content, media=tuple(found))


def _media(request: Request, kind: str) -> Part:
    media = decode(_media_decoder, _given(request, kind), kind)
    check_media(kind, media, kind)
    return Part(media, media=() if media.id is None else (MediaUse(media.id, (kind, "id")),))


def _location(request: Request, kind: str) -> Part:
    location = decode(_location_decoder, _given(request, kind), kind)
    check_location(location, kind)
    return Part(location)


def _contacts(request: Request, kind: str) -> Part:
    contacts = decode(_contacts_decoder, _given(request, kind), kind)
    check_contacts(contacts)
    return Part(contacts)


def _reaction(request: Request, kind: str) -> Part:
    reaction = decode(_reaction_decoder, _given(request, kind), kind)
    return Part(reaction, reacted_to=reaction.message_id)


def _given(request: Request, kind: str) -> msgspec.Raw:
    raw: msgspec.Raw = getattr(request, kind)
    if raw == ABSENT:
        missing(f'{kind} is required with "type": "{kind}".')
    return raw


READERS: dict[str, Callable[[Request, str], Part]] = {
    "text": _text,
    "template": _template,
    "interactive": _interactive,
    **dict.fromkeys(("image", "video", "audio", "document", "sticker"), _media),
    "location": _location,
    "contacts": _contacts,
    "reaction": _reaction,
}


def _canonical(request: Request, recipient: Recipient, kind: str, content: Any) -> bytes:
    """Exactly what Meta will get, but for ids of ours; nothing that is null."""
    body = {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient.address,
        "type": kind,
        kind: content,
    }
    for name in OPTIONS:
        value = getattr(request, name)
        if value is not None:
            body[name] = value
    try:
        return _encode(body)
    except (RecursionError, OverflowError):
        raise InvalidParameter(NOT_JSON) from None


def _is_all_of(raw: bytes, body: bytes, request: Request) -> bool:
    """Whether every key of the request stands in the canonical body: then none was dropped and none given twice."""
    added = (request.recipient_type is None) + (request.type is None) - (request.max_price is not None)
    return raw.count(b'":') == body.count(b'":') - added
