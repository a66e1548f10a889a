"""The template of a send request: its components and parameters, checked by themselves (hot path).

Whether they fit the stored template is asked later (templates/shapes.py).
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from services.gateway.graph import limits
from services.gateway.graph.decoding import check_nesting, missing, wrong
from services.gateway.graph.errors import InvalidParameter, InvalidValue, TextTooLong
from services.gateway.graph.medias import Media, check_media
from services.gateway.graph.texts import Location, check_location
from services.gateway.templates.uses import ButtonUse, Given, Parts, TemplateUse

TemplateName = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_]{1,512}$")]
LanguageCode = Annotated[str, msgspec.Meta(pattern="^[A-Za-z]{2,3}(_[A-Za-z0-9]{2,4})?$")]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.TEMPLATE_NAME_CHARACTERS_MAX)]
Json = dict[str, Any]

HEADER_TYPES = frozenset({"text", "currency", "date_time", "image", "video", "document", "location", "product"})
BODY_TYPES = frozenset({"text", "currency", "date_time"})
BUTTON_TYPES = {
    "quick_reply": frozenset({"payload"}),
    "url": frozenset({"text"}),
    "copy_code": frozenset({"coupon_code"}),
    "flow": frozenset({"action"}),
    "catalog": frozenset({"action"}),
    "mpm": frozenset({"action"}),
    "spm": frozenset({"action"}),
    "order_details": frozenset({"action"}),
    "voice_call": frozenset({"payload", "ttl_minutes"}),
    "request_contact_info": frozenset({"payload"}),
}
OFFER_TYPES = frozenset({"limited_time_offer"})
COMPONENT_TYPES = "header, body, button, limited_time_offer, carousel"


class Language(msgspec.Struct):
    code: LanguageCode


class Currency(msgspec.Struct, omit_defaults=True):
    fallback_value: Annotated[str, msgspec.Meta(min_length=1)]
    code: str | None = None
    amount_1000: int | None = None


class Parameter(msgspec.Struct, omit_defaults=True):
    type: str | None = None
    parameter_name: _Name | None = None
    text: str | None = None
    currency: Currency | None = None
    date_time: Json | None = None
    image: Media | None = None
    video: Media | None = None
    document: Media | None = None
    location: Location | None = None
    product: Json | None = None
    payload: Annotated[str, msgspec.Meta(max_length=limits.PAYLOAD_CHARACTERS_MAX)] | None = None
    coupon_code: str | None = None
    action: Json | None = None
    limited_time_offer: Json | None = None
    ttl_minutes: int | None = None


class Component(msgspec.Struct, omit_defaults=True):
    type: str
    sub_type: str | None = None
    index: str | int | None = None
    parameters: Annotated[list[Parameter], msgspec.Meta(max_length=limits.TEMPLATE_PARAMETERS_MAX)] = []
    cards: Annotated[list["Card"], msgspec.Meta(max_length=limits.CARDS_MAX)] = []


Components = Annotated[list[Component], msgspec.Meta(max_length=limits.TEMPLATE_COMPONENTS_MAX)]


class Card(msgspec.Struct, omit_defaults=True):
    card_index: int
    components: Components


class Template(msgspec.Struct, omit_defaults=True):
    name: TemplateName
    language: Language
    components: Components = []


def read_template(template: Template) -> TemplateUse:
    """What the template is filled with; raises GraphError for what fits no template."""
    components = template.components
    if len(components) == 1 and components[0].type == "body":  # most templates, and the quickest way
        parts = Parts((), _of_kind("body", components[0], "template.components[0]", is_lone=True))
    else:
        parts = _parts(components, "template.components")
    return TemplateUse(template.name, template.language.code, parts)


def _parts(components: Sequence[Component], at: str) -> Parts:
    found: dict[str, tuple[Given, ...]] = {}
    buttons: dict[int, ButtonUse] = {}
    cards: tuple[Parts, ...] = ()
    for number, component in enumerate(components):
        kind, place = component.type.lower(), f"{at}[{number}]"
        if kind == "button":
            button = _button(component, place)
            if button.place in buttons:
                wrong(f"{place}.index: the button {button.place} is given twice.")
            buttons[button.place] = button
        elif kind in found:
            raise InvalidParameter(f"{place}: there is more than one {kind}; send one.")
        elif kind == "carousel":
            found[kind] = ()
            cards = _cards(component, place)
        else:
            found[kind] = _of_kind(kind, component, place, is_lone=len(components) == 1)
    return Parts(
        header=found.get("header", ()),
        body=found.get("body", ()),
        buttons=tuple(buttons.values()),
        has_offer="limited_time_offer" in found,
        cards=cards,
    )


def _of_kind(kind: str, component: Component, at: str, *, is_lone: bool) -> tuple[Given, ...]:
    if kind == "body":
        longest = limits.TEMPLATE_LONE_BODY_CHARACTERS_MAX if is_lone else limits.TEMPLATE_BODY_CHARACTERS_MAX
        return _given(component.parameters, at, BODY_TYPES, longest)
    if kind == "header":
        return _given(component.parameters, at, HEADER_TYPES, limits.TEMPLATE_HEADER_CHARACTERS_MAX)
    if kind == "limited_time_offer":
        return _given(component.parameters, at, OFFER_TYPES, 0)
    raise InvalidValue(f"{at}.type must be one of {COMPONENT_TYPES}.")


def _given(parameters: list[Parameter], at: str, types: frozenset[str], characters_max: int) -> tuple[Given, ...]:
    given = []
    for number, parameter in enumerate(parameters):
        kind = parameter.type
        value: Any = getattr(parameter, kind) if kind in types else None
        if not value:
            _refuse_value(parameter, f"{at}.parameters[{number}]", types, value)
        if kind == "text":
            if len(value) > characters_max:
                raise TextTooLong(f"{at}.parameters[{number}].text must be at most {characters_max} characters long.")
            given.append(Given("text", parameter.parameter_name, value))
        else:
            given.append(_checked(parameter, f"{at}.parameters[{number}]", value))
    return tuple(given)


def _refuse_value(parameter: Parameter, at: str, types: frozenset[str], value: object) -> None:
    if parameter.type is None or parameter.type not in types:
        missing(f"{at}.type must be one of {', '.join(sorted(types))}.")
    if value != 0:
        missing(f"{at}.{parameter.type} is required and must not be empty.")


def _checked(parameter: Parameter, at: str, value: Any) -> Given:
    kind = parameter.type or ""
    place = f"{at}.{kind}"
    if isinstance(value, Media):
        check_media(kind, value, place, is_captioned=False)
    elif isinstance(value, Location):
        check_location(value, place)
    elif isinstance(value, dict):
        check_nesting(value, place)
        if kind == "date_time" and not isinstance(value.get("fallback_value"), str):
            missing(f"{place}.fallback_value is required: it is what the person reads.")
    elif kind == "coupon_code" and len(value) > limits.COUPON_CHARACTERS_MAX:
        raise InvalidParameter(f"{place} must be at most {limits.COUPON_CHARACTERS_MAX} characters long.")
    return Given(kind, parameter.parameter_name, value if isinstance(value, str) else None)


def _button(component: Component, at: str) -> ButtonUse:
    sub_type = (component.sub_type or "").lower()
    types = BUTTON_TYPES.get(sub_type)
    if types is None:
        wrong(f"{at}.sub_type must be one of {', '.join(BUTTON_TYPES)}.")
    return ButtonUse(
        _index(component.index, at), sub_type, _given(component.parameters, at, types, limits.URL_CHARACTERS_MAX)
    )


def _index(index: str | int | None, at: str) -> int:
    text = str(index)
    if len(text) != 1 or text not in "0123456789":
        missing(f"{at}.index is required: the button's place from 0 to {limits.TEMPLATE_BUTTONS_MAX - 1}.")
    return int(text)


def _cards(component: Component, at: str) -> tuple[Parts, ...]:
    if not component.cards:
        missing(f"{at}.cards is required and must not be empty.")
    parts = []
    for number, card in enumerate(component.cards):
        if card.card_index != number:
            wrong(f"{at}.cards[{number}].card_index must be {number}: number the cards from 0, in order.")
        parts.append(_parts(card.components, f"{at}.cards[{number}].components"))
        if parts[-1].cards:
            wrong(f"{at}.cards[{number}].components must not hold a carousel.")
    return tuple(parts)
