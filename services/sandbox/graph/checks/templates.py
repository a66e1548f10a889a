"""The shape of a template message, before anything is known of the template (hot path)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from services.sandbox.graph.checks import media
from services.sandbox.graph.checks.fields import invalid, missing, part
from services.sandbox.graph.checks.people_and_places import check_location
from services.sandbox.graph.schemas import Component, Parameter, Template
from services.sandbox.refusals import GraphError

NAME_MAX, COMPONENTS_MAX, PARAMETERS_MAX = 512, 20, 100
HEADER_TEXT_MAX, PAYLOAD_MAX, COUPON_MAX = 60, 256, 15  # characters
BODY_TEXT_MAX = 32_768  # of one parameter; what is tighter depends on the template
CARDS_MAX = 10
COMPONENTS = frozenset({"header", "body", "button", "footer", "carousel", "limited_time_offer", "order_status"})
SUB_TYPES = frozenset(
    {"quick_reply", "url", "copy_code", "flow", "catalog", "mpm", "spm", "order_details", "voice_call", "phone_number"}
)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(_[A-Za-z0-9]{2,4})?")
_NAME = re.compile(r"[a-z0-9_]+")


def check(template: Template | None, kind_of: media.KindOf) -> None:
    if template is None or not template.name:
        raise missing("template['name']")
    language = template.language
    if language is None or not language.code:
        raise missing("template['language']['code']")
    if len(template.name) > NAME_MAX or len(template.components) > COMPONENTS_MAX:
        raise GraphError(131009, "The template's name or its components are too long.")
    if not _NAME.fullmatch(template.name) or not _LANGUAGE.fullmatch(language.code):
        raise GraphError(131009, "The template's name or its language is not valid.")
    if language.policy not in (None, "deterministic"):
        raise GraphError(131009, "The parameter template['language']['policy'] must be deterministic.")
    for component in template.components:
        _check_component(component, kind_of)


def _check_component(component: Component, kind_of: media.KindOf) -> None:
    if component.type is None:
        raise missing("template['components']['type']")
    kind = component.type.lower()
    if kind not in COMPONENTS:
        raise GraphError(131009, "The parameter template['components']['type'] is not known.")
    if len(component.parameters) > PARAMETERS_MAX or len(component.cards) > CARDS_MAX:
        raise GraphError(131009, "A template component has too many parameters.")
    if kind == "button":
        _check_button(component)
    if kind == "carousel" and not component.cards:
        raise missing("template['components']['cards']")
    for parameter in component.parameters:
        _check_parameter(parameter, kind, kind_of)


def _check_button(component: Component) -> None:
    if (component.sub_type or "").lower() not in SUB_TYPES:
        raise invalid("template['components']['sub_type']", f"must be one of {', '.join(sorted(SUB_TYPES))}")
    if component.index is None or not str(component.index).isdecimal() or int(component.index) > 9:
        raise invalid("template['components']['index']", "must be a number from 0 to 9")


def _check_parameter(parameter: Parameter, component: str, kind_of: media.KindOf) -> None:
    kind = parameter.type
    if kind is None:
        raise GraphError(131008, "The parameter type of a template parameter is required.")
    if kind == "text":
        if not parameter.text:
            raise GraphError(132012, "A template parameter of type text needs its text.")
        if len(parameter.text) > (HEADER_TEXT_MAX if component == "header" else BODY_TEXT_MAX):
            raise GraphError(132005, f"The text of a {component} parameter is too long.")
        return
    value = _VALUES.get(kind)
    if value is None:
        raise GraphError(132012, "The type of a template parameter is not known.")
    value(parameter, kind_of)


def _media(kind: str) -> "Value":
    def check_media(parameter: Parameter, kind_of: media.KindOf) -> None:
        where = f"template parameter['{kind}']"
        media.check_source(kind, part(getattr(parameter, kind), where), where, kind_of)

    return check_media


def _fallback(kind: str) -> "Value":
    def check_fallback(parameter: Parameter, kind_of: media.KindOf) -> None:
        value: Mapping[str, Any] = getattr(parameter, kind) or {}
        if not isinstance(value.get("fallback_value"), str):
            raise GraphError(132012, f"A template parameter of type {kind} needs {kind}['fallback_value'].")
        if kind == "currency" and not (
            isinstance(value.get("code"), str) and isinstance(value.get("amount_1000"), int)
        ):
            raise GraphError(132012, "A template parameter of type currency needs its code and amount_1000.")

    return check_fallback


def _payload(parameter: Parameter, kind_of: media.KindOf) -> None:
    if parameter.payload is None or len(parameter.payload) > PAYLOAD_MAX:
        raise GraphError(132012, f"A template parameter of type payload needs a payload of at most {PAYLOAD_MAX}.")


def _coupon(parameter: Parameter, kind_of: media.KindOf) -> None:
    if not parameter.coupon_code or len(parameter.coupon_code) > COUPON_MAX:
        raise GraphError(132012, f"A coupon_code has between 1 and {COUPON_MAX} characters.")


def _object(kind: str) -> "Value":
    def check_object(parameter: Parameter, kind_of: media.KindOf) -> None:
        part(getattr(parameter, kind, {}), f"template parameter['{kind}']")

    return check_object


Value = Callable[[Parameter, media.KindOf], None]
_VALUES: Mapping[str, Value] = {
    **{kind: _media(kind) for kind in ("image", "video", "document")},
    **{kind: _fallback(kind) for kind in ("currency", "date_time")},
    "payload": _payload,
    "coupon_code": _coupon,
    "action": _object("action"),
    "location": lambda parameter, _: check_location(parameter.location),
    "limited_time_offer": lambda parameter, _: None,
    "product": lambda parameter, _: None,
}
