"""The compiled shape of a stored template, and whether what a request gives fits it (hot path).

Component names and types are Meta's (whatsapp-cloud-api 2.2 and 2.4); letter case does not matter.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from services.gateway.templates.uses import ButtonUse, Given, Parts

CODE_CHARACTERS_MAX = 15  # of an authentication template
MEDIA_FORMATS = ("image", "video", "document", "location", "product")

# Meta's placeholders: {{1}}, {{2}}, ... or {{customer_name}}.
_PLACEHOLDER = re.compile(r"\{\{\s*([0-9]+|[a-z_][a-z0-9_]*)\s*\}\}")

Json = Mapping[str, Any]
Reason = Literal["count", "format", "missing", "parameters"]


class Mismatch(NamedTuple):
    """Why a request does not fit: the kind of Meta's code, and a sentence that names the part and the rule."""

    reason: Reason
    details: str


class Blanks(NamedTuple):
    """The parameters of a text: positional ones are counted, named ones have names."""

    size: int = 0
    names: frozenset[str] | None = None


class ButtonShape(NamedTuple):
    """What the button at a place takes; `takes` is None where it takes nothing."""

    label: str
    takes: str | None
    is_required: bool


class Shape(NamedTuple):
    """A template, or one card of its carousel; `header_format` is set where the header takes a file or a place."""

    body: Blanks = Blanks()
    header: Blanks = Blanks()
    header_format: str | None = None
    buttons: tuple[ButtonShape, ...] = ()
    has_offer: bool = False
    cards: tuple["Shape", ...] = ()
    is_code: bool = False


_BUTTONS = {
    "quick_reply": ("quick_reply", False),
    "copy_code": ("copy_code", True),
    "otp": ("url", True),
    "flow": ("flow", True),
    "catalog": ("catalog", False),
    "mpm": ("mpm", True),
    "spm": ("spm", False),
    "order_details": ("order_details", True),
    "voice_call": ("voice_call", False),
    "request_contact_info": ("request_contact_info", False),
}


def compile_shape(category: str, components: Sequence[Json]) -> Shape | None:
    """The shape of stored components; None for a template that was registered without them."""
    if not components:
        return None
    shape = _compiled(components)
    if category != "authentication":
        return shape
    # Meta writes the body of such a template itself: it has one parameter, the code.
    return shape._replace(is_code=True, body=shape.body if shape.body.size else Blanks(1))


def count_parameters(components: Sequence[Json]) -> int:
    """How many different placeholders the body has."""
    return _compiled(components).body.size


def mismatch(shape: Shape, parts: Parts) -> Mismatch | None:
    """The first thing in which a request does not fit its template."""
    if parts.header or shape.header_format or shape.header.size:
        found = _header_mismatch(shape, parts.header)
        if found is not None:
            return found
    found = _text_mismatch("body", shape.body, parts.body)
    if found is not None:
        return found
    if parts.buttons or shape.buttons:
        found = _buttons_mismatch(shape.buttons, parts.buttons)
        if found is not None:
            return found
    if parts.has_offer != shape.has_offer:
        return Mismatch("parameters", f"limited_time_offer: {_expected(shape.has_offer, parts.has_offer)}")
    return _code_mismatch(parts) if shape.is_code else _cards_mismatch(shape.cards, parts.cards)


def _compiled(components: Sequence[Json]) -> Shape:
    shape = Shape()
    for component in components:
        kind = str(component.get("type", "")).lower()
        if kind == "body":
            shape = shape._replace(body=_blanks(component))
        elif kind == "header":
            shape = _with_header(shape, component)
        elif kind == "buttons":
            shape = shape._replace(buttons=tuple(_button(one) for one in _objects(component.get("buttons"))))
        elif kind == "limited_time_offer":
            shape = shape._replace(has_offer=True)
        elif kind == "carousel":
            cards = (_objects(card.get("components")) for card in _objects(component.get("cards")))
            shape = shape._replace(cards=tuple(_compiled(list(card)) for card in cards))
    return shape


def _objects(value: object) -> Iterator[Json]:
    return (one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else iter(())


def _with_header(shape: Shape, component: Json) -> Shape:
    form = str(component.get("format", "text")).lower()
    if form in MEDIA_FORMATS:
        return shape._replace(header_format=form)
    return shape._replace(header=_blanks(component))


def _blanks(component: Json) -> Blanks:
    names = frozenset(_PLACEHOLDER.findall(str(component.get("text", ""))))
    is_named = any(not name.isdigit() for name in names)
    return Blanks(len(names), names if is_named else None)


def _button(button: Json) -> ButtonShape:
    kind = str(button.get("type", "")).lower()
    if kind == "url":
        has_blank = "{{" in str(button.get("url", ""))
        return ButtonShape("Url", "url" if has_blank else None, has_blank)
    takes, is_required = _BUTTONS.get(kind, (None, False))
    return ButtonShape(kind.title().replace("_", ""), takes, is_required)


def _header_mismatch(shape: Shape, given: tuple[Given, ...]) -> Mismatch | None:
    if shape.header_format is None:
        files = [one.type for one in given if one.type in MEDIA_FORMATS]
        if files:
            return _format_mismatch("TEXT" if shape.header.size else "NONE", files[0])
        return _text_mismatch("header", shape.header, given)
    received = given[0].type if given else "unknown"
    if received != shape.header_format:
        return _format_mismatch(shape.header_format, received)
    return _count_mismatch("header", 1, len(given)) if len(given) > 1 else None


def _format_mismatch(expected: str, received: str) -> Mismatch:
    return Mismatch(
        "format",
        f"header: Format mismatch, expected {expected.upper()}, received {received.upper()}: send what it has.",
    )


def _text_mismatch(part: str, blanks: Blanks, given: tuple[Given, ...]) -> Mismatch | None:
    if blanks.names is not None:
        return _names_mismatch(part, blanks.names, given)
    if len(given) != blanks.size:
        return _count_mismatch(part, blanks.size, len(given))
    for one in given:
        if one.name is not None:
            return Mismatch(
                "format", f"{part}: the parameters of this template are positional: leave parameter_name out."
            )
    return None


def _count_mismatch(part: str, expected: int, received: int) -> Mismatch:
    return Mismatch(
        "count",
        f"{part}: number of localizable_params ({received}) does not match the expected number of params ({expected}): "
        f"send exactly {expected} {part} parameters.",
    )


def _names_mismatch(part: str, names: frozenset[str], given: tuple[Given, ...]) -> Mismatch | None:
    """Given names are not repeated in the answer: they are whatever the request holds."""
    found = [one.name for one in given]
    wanted = ", ".join(sorted(names))
    if None in found:
        return Mismatch("format", f"{part}: parameter_name is required in every parameter: {wanted}.")
    if len(set(found)) != len(found):
        return Mismatch("format", f"{part}: a parameter_name is given twice: send {wanted} once each.")
    missing = sorted(names.difference(found))
    if missing:
        return Mismatch("count", f"{part}: these parameters are missing: {', '.join(missing)}.")
    if len(found) != len(names):
        return Mismatch("count", f"{part}: there are unexpected parameters; the template has only {wanted}.")
    return None


def _buttons_mismatch(shapes: tuple[ButtonShape, ...], given: tuple[ButtonUse, ...]) -> Mismatch | None:
    for use in given:
        if use.place >= len(shapes):
            return Mismatch("parameters", f"buttons: there is no button at index {use.place} of the template.")
        shape = shapes[use.place]
        if use.sub_type != shape.takes:
            takes = f"takes the sub_type {shape.takes}" if shape.takes else "takes no parameters"
            return Mismatch("parameters", f"buttons: Button at index {use.place} of type {shape.label} {takes}.")
        if len(use.parameters) > 1:
            return Mismatch("count", f"buttons: Button at index {use.place} takes one parameter, not several.")
    filled = {use.place for use in given if use.parameters}
    for index, shape in enumerate(shapes):
        if shape.is_required and index not in filled:
            return Mismatch(
                "missing",
                f"buttons: Button at index {index} of type {shape.label} requires a parameter ({shape.takes}).",
            )
    return None


def _code_mismatch(parts: Parts) -> Mismatch | None:
    """The code stands in the body and again in the button, and is short (whatsapp-cloud-api 2.2)."""
    code = parts.body[0].text if parts.body else None
    if code is None or len(code) > CODE_CHARACTERS_MAX:
        return Mismatch("parameters", f"body: the code must be a text of at most {CODE_CHARACTERS_MAX} characters.")
    for button in parts.buttons:
        if button.sub_type == "url" and button.parameters and button.parameters[0].text != code:
            return Mismatch("parameters", f"buttons: Button at index {button.place} must hold the code of the body.")
    return None


def _cards_mismatch(shapes: tuple[Shape, ...], given: tuple[Parts, ...]) -> Mismatch | None:
    if len(shapes) != len(given):
        return Mismatch(
            "count", f"carousel: number of cards ({len(given)}) does not match the expected number ({len(shapes)})."
        )
    for index, (shape, parts) in enumerate(zip(shapes, given, strict=True)):
        found = mismatch(shape, parts)
        if found is not None:
            return found._replace(details=f"carousel card {index}: {found.details}")
    return None


def _expected(is_expected: bool, is_given: bool) -> str:
    return "the component is required." if is_expected and not is_given else "the template has none: leave it out."
