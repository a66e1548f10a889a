"""Compares a template message with the template that is registered (hot path)."""

from collections.abc import Sequence
from typing import Any

from services.sandbox.graph.schemas import Component, Message, Parameter
from services.sandbox.graph.schemas import Template as Use
from services.sandbox.refusals import GraphError
from services.sandbox.templates.service import Template, Templates, fill, placeholders

BODY_TEXT_MAX = 1024  # characters of the filled body, when it is not the only component
LONG_BODY_TEXT_MAX = 32_768  # when it is
OTP_MAX, URL_MAX = 15, 2000
MEDIA_HEADERS = {"IMAGE": "image", "VIDEO": "video", "DOCUMENT": "document", "LOCATION": "location"}
STATUS_CODES = {"PENDING": 132001, "REJECTED": 132001, "PAUSED": 132015, "DISABLED": 132016}
COPIED_CODES = frozenset({"OTP"})  # one-tap, zero-tap and copy-code buttons want the phone number


def registered(templates: Templates, waba_id: str, use: Use, *, unknown_pass: bool) -> Template | None:
    """The template that is used; None when nobody told the sandbox of one and such may pass."""
    name, language = use.name or "", (use.language.code if use.language else None) or ""
    found = templates.find(name, language, waba_id)
    if found is None and (templates.of_name(name, waba_id) or not unknown_pass):
        raise GraphError(132001, f"template name ({name}) does not exist in {language}")
    return found


def check(template: Template, message: Message) -> None:
    """Raise what Meta answers where the parameters do not fit the template."""
    if template.status != "APPROVED":
        raise GraphError(STATUS_CODES[template.status])
    use = message.template
    if use is None:
        return
    if message.recipient and not message.to and any(b.get("type") in COPIED_CODES for b in template.buttons):
        raise GraphError(131062)
    _check_body(template, use)
    if template.components is not None:
        _check_header(template, use)
        _check_buttons(template, use)


def _check_body(template: Template, use: Use) -> None:
    given = use.body_parameters
    _check_count("body", len(given), template.values_expected)
    if template.parameter_format == "NAMED" and template.components is not None:
        _check_names("body", given, template.body_names or ())
    elif any(parameter.parameter_name for parameter in given) and template.components is not None:
        raise GraphError(100, "Parameter name is not allowed: the template's parameters are positional.")
    if template.body_text:
        alone = template.header is None and not template.buttons
        if len(body_shown(template, use)) > (LONG_BODY_TEXT_MAX if alone else BODY_TEXT_MAX):
            raise GraphError(132005)


def body_shown(template: Template, use: Use) -> str:
    """The body as the person sees it."""
    given = use.body_parameters
    values = {p.parameter_name or str(position): shown(p) for position, p in enumerate(given, start=1)}
    return fill(template.body_text, values)


def _check_count(where: str, given: int, expected: int | None) -> None:
    if expected is not None and expected != given:
        details = f"{where}: number of localizable_params ({given}) does not match the expected number of params"
        raise GraphError(132000, f"{details} ({expected})")


def _check_names(where: str, given: Sequence[Parameter], expected: Sequence[str]) -> None:
    names = [parameter.parameter_name for parameter in given]
    if None in names:
        raise GraphError(100, f"{where}: Parameter name is missing or empty.")
    if set(names) != set(expected) or len(set(names)) != len(names):
        raise GraphError(132000, f"{where}: the names of the parameters do not match the template's.")


def _check_header(template: Template, use: Use) -> None:
    given = [p for c in use.components if (c.type or "").lower() == "header" for p in c.parameters]
    header: dict[str, Any] = template.header or {}
    wanted = MEDIA_HEADERS.get(str(header.get("format", "")).upper())
    if wanted is None:
        _check_count("header", len(given), len(placeholders(str(header.get("text") or ""))))
        kind = "text"
    else:
        if len(given) != 1:
            raise GraphError(132012, f"header: Format mismatch, expected {wanted.upper()}, received UNKNOWN")
        kind = wanted
    for parameter in given:
        if parameter.type != kind:
            received = (parameter.type or "unknown").upper()
            raise GraphError(132012, f"header: Format mismatch, expected {kind.upper()}, received {received}")


def _check_buttons(template: Template, use: Use) -> None:
    given: dict[int, Component] = {}
    for component in use.components:
        if (component.type or "").lower() == "button":
            index = int(component.index or 0)
            if index in given:
                raise GraphError(132018, f"button: the index {index} is given twice.")
            given[index] = component
    for index in given:
        if index >= len(template.buttons):
            raise GraphError(132018, f"button: the template has no button at index {index}.")
    for index, button in enumerate(template.buttons):
        _check_button(index, button, given.get(index))


def _check_button(index: int, button: dict[str, Any], given: Component | None) -> None:
    kind = str(button.get("type", "")).upper()
    needs_value = kind in ("COPY_CODE", "OTP") or (kind == "URL" and bool(placeholders(str(button.get("url") or ""))))
    if given is None:
        if needs_value:
            raise GraphError(131008, f"buttons: Button at index {index} of type {kind.title()} requires a parameter")
        return
    sub_type = (given.sub_type or "").lower()
    expected = {"OTP": "url"}.get(kind, kind.lower())
    if sub_type != expected:
        raise GraphError(132018, f"buttons: Button at index {index} is of type {expected}, not {sub_type}")
    expected_values = 1 if needs_value else len(given.parameters) if kind != "URL" else 0
    _check_count(f"Button at index {index}", len(given.parameters), expected_values)
    if kind in ("OTP", "URL"):
        _check_url_values(index, given, OTP_MAX if kind == "OTP" else URL_MAX)


def _check_url_values(index: int, given: Component, most: int) -> None:
    for parameter in given.parameters:
        if parameter.type != "text" or len(parameter.text or "") > most:
            raise GraphError(132018, f"Button at index {index} needs one text of at most {most} characters")


def shown(parameter: Parameter) -> str:
    """What the person sees of a value: Cloud API always renders the fallback of dates and currencies."""
    value = parameter.currency or parameter.date_time
    return str(value.get("fallback_value", "")) if value else parameter.text or ""
