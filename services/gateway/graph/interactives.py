"""Interactive messages: what surrounds every kind of them, and which part each kind takes."""

from typing import Annotated, Any, NamedTuple

import msgspec

from services.gateway.graph import actions, limits, passing
from services.gateway.graph.decoding import decode, missing, wrong
from services.gateway.graph.errors import InvalidParameter
from services.gateway.graph.medias import Media, check_media

_HEADERS = frozenset({"text", "image", "video", "document"})
_TEXT_HEADER = frozenset({"text"})
_NO_HEADER: frozenset[str] = frozenset()


class Header(msgspec.Struct, omit_defaults=True):
    type: str
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.HEADER_CHARACTERS_MAX)] | None = None
    image: Media | None = None
    video: Media | None = None
    document: Media | None = None


class Body(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1)]


class Footer(msgspec.Struct):
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.FOOTER_CHARACTERS_MAX)]


class Interactive(msgspec.Struct):
    type: str
    action: msgspec.Raw
    header: Header | None = None
    body: Body | None = None
    footer: Footer | None = None


class Rule(NamedTuple):
    """What a kind takes beside its action."""

    read: actions.Read
    headers: frozenset[str] = _HEADERS
    is_header_required: bool = False
    is_body_required: bool = True
    body_characters_max: int = limits.INTERACTIVE_BODY_CHARACTERS_MAX
    has_footer: bool = True


RULES = {
    "button": Rule(actions.read_buttons),
    "list": Rule(actions.read_list, _TEXT_HEADER, body_characters_max=limits.LIST_BODY_CHARACTERS_MAX),
    "cta_url": Rule(actions.read_cta_url),
    "location_request_message": Rule(actions.read_location_request, _NO_HEADER, has_footer=False),
    "flow": Rule(passing.read_flow),
    "product": Rule(passing.read_product, _NO_HEADER, is_body_required=False),
    "product_list": Rule(passing.read_product_list, _TEXT_HEADER, is_header_required=True),
    "catalog_message": Rule(passing.named("catalog_message")),
    "carousel": Rule(passing.read_carousel, _NO_HEADER, has_footer=False),
    "order_details": Rule(passing.named("review_and_pay", needs_parameters=True)),
    "order_status": Rule(passing.named("review_order", needs_parameters=True)),
    "request_contact_info": Rule(passing.named("request_contact_info")),
    "call_permission_request": Rule(passing.named("call_permission_request"), is_body_required=False),
    "voice_call": Rule(passing.named("voice_call")),
    "address_message": Rule(passing.named("address_message", needs_parameters=True)),
}

_decoder = msgspec.json.Decoder(Interactive)


def read_interactive(raw: msgspec.Raw) -> dict[str, Any]:
    """The checked message, ready to be encoded; raises GraphError."""
    part = decode(_decoder, raw, "interactive")
    rule = RULES.get(part.type)
    if rule is None:
        wrong(f"interactive.type must be one of {', '.join(RULES)}.")
    _check_header(part, rule)
    _check_body(part, rule)
    if part.footer is not None and not rule.has_footer:
        raise InvalidParameter(f"interactive.footer is not possible with the type {part.type}: leave it out.")
    action = rule.read(part.action, "interactive.action")
    content = {
        "type": part.type,
        "header": part.header,
        "body": part.body,
        "footer": part.footer,
        "action": action,
    }
    return {name: value for name, value in content.items() if value is not None}


def _check_header(part: Interactive, rule: Rule) -> None:
    header = part.header
    if header is None:
        if rule.is_header_required:
            missing(f"interactive.header is required with the type {part.type}.")
        return
    if not rule.headers:
        raise InvalidParameter(f"interactive.header is not possible with the type {part.type}: leave it out.")
    if header.type not in rule.headers:
        wrong(f"interactive.header.type must be one of {', '.join(sorted(rule.headers))} with the type {part.type}.")
    check_header(header, "interactive.header")


def check_header(header: Header, at: str) -> None:
    """Holds what its type says, and nothing else."""
    parts = {name: getattr(header, name) for name in _HEADERS if getattr(header, name) is not None}
    if header.type not in parts:
        missing(f"{at}.{header.type} is required in a header of the type {header.type}.")
    for name in parts:
        if name != header.type:
            raise InvalidParameter(f"{at}.{name} does not belong into a header of the type {header.type}.")
    if header.type != "text":
        check_media(header.type, parts[header.type], f"{at}.{header.type}", is_captioned=False)


def _check_body(part: Interactive, rule: Rule) -> None:
    if part.body is None:
        if rule.is_body_required:
            missing("interactive.body.text is required.")
        return
    if len(part.body.text) > rule.body_characters_max:
        raise InvalidParameter(
            f"interactive.body.text must be at most {rule.body_characters_max} characters long "
            f"with the type {part.type}."
        )
