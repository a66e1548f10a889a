"""Interactive messages of every kind (`whatsapp-cloud-api.md`, 2.2)."""

from collections.abc import Callable, Mapping
from typing import Any

from services.sandbox.graph.checks import media
from services.sandbox.graph.checks.fields import (
    Part,
    invalid,
    missing,
    one_of,
    optional_text,
    part,
    parts,
    text,
    unique,
    url,
)

BODY_MAX, LIST_BODY_MAX, HEADER_MAX, FOOTER_MAX = 1024, 4096, 60, 60
BUTTONS_MAX, BUTTON_ID_MAX, BUTTON_TITLE_MAX = 3, 256, 20
SECTIONS_MAX, ROWS_MAX, PRODUCTS_MAX = 10, 10, 30
ROW_ID_MAX, ROW_TITLE_MAX, ROW_DESCRIPTION_MAX, SECTION_TITLE_MAX = 200, 24, 72, 24
CARDS_MAX, CARD_BODY_MAX = 10, 160
NAME_MAX = 200
HEADERS = ("text", "image", "video", "document")

_WHERE = "interactive"
_ACTION = "interactive['action']"


def check(given: object, kind_of: media.KindOf) -> None:
    """Raise what Meta answers to this interactive message."""
    whole = part(given, _WHERE)
    kind = one_of(whole, "type", _WHERE, tuple(_ACTIONS))
    _check_body(whole, kind)
    _check_header(whole, kind, kind_of)
    if whole.get("footer") is not None:
        text(part(whole["footer"], "interactive['footer']"), "text", "interactive['footer']", most=FOOTER_MAX)
    _ACTIONS[kind](part(whole.get("action"), _ACTION), kind_of)


def _check_body(whole: Part, kind: str) -> None:
    if whole.get("body") is None and kind in BODY_OPTIONAL:
        return
    most = LIST_BODY_MAX if kind == "list" else BODY_MAX
    text(part(whole.get("body"), "interactive['body']"), "text", "interactive['body']", most=most)


def _check_header(whole: Part, kind: str, kind_of: media.KindOf) -> None:
    given = whole.get("header")
    if given is None:
        if kind == "product_list":
            raise missing("interactive['header']")
        return
    if kind in HEADERLESS:
        raise invalid("interactive['header']", f"is not allowed with the type {kind}")
    header = part(given, "interactive['header']")
    allowed = ("text",) if kind in TEXT_HEADER_ONLY else HEADERS
    shown = one_of(header, "type", "interactive['header']", allowed)
    if shown == "text":
        text(header, "text", "interactive['header']", most=HEADER_MAX)
    else:
        where = f"interactive['header']['{shown}']"
        media.check_source(shown, part(header.get(shown), where), where, kind_of)


def _buttons(action: Part, kind_of: media.KindOf) -> None:
    where = f"{_ACTION}['buttons']"
    replies = []
    for button in parts(action.get("buttons"), where, most=BUTTONS_MAX):
        one_of(button, "type", where, ("reply",))
        reply = part(button.get("reply"), f"{where}['reply']")
        found = text(reply, "id", f"{where}['reply']", most=BUTTON_ID_MAX)
        if found != found.strip():
            raise invalid(f"{where}['reply']['id']", "must not begin or end with a space")
        replies.append((found, text(reply, "title", f"{where}['reply']", most=BUTTON_TITLE_MAX)))
    unique([found for found, _ in replies], f"{where}['reply']['id']")
    unique([title for _, title in replies], f"{where}['reply']['title']")


def _list(action: Part, kind_of: media.KindOf) -> None:
    text(action, "button", _ACTION, most=BUTTON_TITLE_MAX)
    where = f"{_ACTION}['sections']"
    sections = parts(action.get("sections"), where, most=SECTIONS_MAX)
    _check_section_titles(sections, where)
    rows = [row for section in sections for row in parts(section.get("rows"), f"{where}['rows']", most=ROWS_MAX)]
    if len(rows) > ROWS_MAX:
        raise invalid(f"{where}['rows']", f"must have at most {ROWS_MAX} entries in all sections together")
    for row in rows:
        text(row, "title", f"{where}['rows']", most=ROW_TITLE_MAX)
        optional_text(row, "description", f"{where}['rows']", most=ROW_DESCRIPTION_MAX)
    unique([text(row, "id", f"{where}['rows']", most=ROW_ID_MAX) for row in rows], f"{where}['rows']['id']")


def _check_section_titles(sections: Any, where: str) -> None:
    for section in sections:
        if optional_text(section, "title", where, most=SECTION_TITLE_MAX) is None and len(sections) > 1:
            raise missing(f"{where}['title']")


def _cta_url(action: Part, kind_of: media.KindOf) -> None:
    _named(action, "cta_url")
    where = f"{_ACTION}['parameters']"
    parameters = part(action.get("parameters"), where)
    text(parameters, "display_text", where, most=BUTTON_TITLE_MAX)
    url(parameters, "url", where)


def _flow(action: Part, kind_of: media.KindOf) -> None:
    _named(action, "flow")
    where = f"{_ACTION}['parameters']"
    parameters = part(action.get("parameters"), where)
    one_of(parameters, "flow_message_version", where, ("3",))
    text(parameters, "flow_cta", where, most=NAME_MAX)
    if (parameters.get("flow_id") is None) == (parameters.get("flow_name") is None):
        raise invalid(where, "must have either flow_id or flow_name")
    if parameters.get("mode") is not None:
        one_of(parameters, "mode", where, ("draft", "published"))
    if parameters.get("flow_action") is None:
        return
    wanted = one_of(parameters, "flow_action", where, ("navigate", "data_exchange"))
    if wanted == "navigate" and parameters.get("flow_action_payload") is not None:
        payload = part(parameters["flow_action_payload"], f"{where}['flow_action_payload']")
        text(payload, "screen", f"{where}['flow_action_payload']", most=NAME_MAX)


def _product(action: Part, kind_of: media.KindOf) -> None:
    text(action, "catalog_id", _ACTION, most=NAME_MAX)
    text(action, "product_retailer_id", _ACTION, most=NAME_MAX)


def _product_list(action: Part, kind_of: media.KindOf) -> None:
    text(action, "catalog_id", _ACTION, most=NAME_MAX)
    where = f"{_ACTION}['sections']"
    sections = parts(action.get("sections"), where, most=SECTIONS_MAX)
    _check_section_titles(sections, where)
    items = f"{where}['product_items']"
    products = [one for section in sections for one in parts(section.get("product_items"), items, most=PRODUCTS_MAX)]
    if len(products) > PRODUCTS_MAX:
        raise invalid(items, f"must have at most {PRODUCTS_MAX} entries in all sections together")
    for product in products:
        text(product, "product_retailer_id", items, most=NAME_MAX)


def _carousel(action: Part, kind_of: media.KindOf) -> None:
    where = f"{_ACTION}['cards']"
    for card in parts(action.get("cards"), where, most=CARDS_MAX, least=2):
        if card.get("body") is not None:
            text(part(card["body"], f"{where}['body']"), "text", f"{where}['body']", most=CARD_BODY_MAX)
        if card.get("header") is not None:
            header = part(card["header"], f"{where}['header']")
            kind = one_of(header, "type", f"{where}['header']", ("image", "video"))
            media.check_source(kind, part(header.get(kind), f"{where}['header']"), f"{where}['header']", kind_of)
        part(card.get("action"), f"{where}['action']")


def _named(action: Part, *names: str) -> None:
    one_of(action, "name", _ACTION, names)


def _of_name(*names: str, with_parameters: bool = False) -> "Check":
    def check_name(action: Part, kind_of: media.KindOf) -> None:
        _named(action, *names)
        if with_parameters:
            part(action.get("parameters"), f"{_ACTION}['parameters']")

    return check_name


Check = Callable[[Part, media.KindOf], None]
_ACTIONS: Mapping[str, Check] = {
    "button": _buttons,
    "list": _list,
    "cta_url": _cta_url,
    "flow": _flow,
    "location_request_message": _of_name("send_location"),
    "product": _product,
    "product_list": _product_list,
    "catalog_message": _of_name("catalog_message"),
    "order_details": _of_name("review_and_pay", with_parameters=True),
    "order_status": _of_name("review_order", with_parameters=True),
    "carousel": _carousel,
    "request_contact_info": _of_name("request_contact_info"),
    "call_permission_request": _of_name("call_permission_request"),
    "voice_call": _of_name("voice_call"),
    "address_message": _of_name("address_message", with_parameters=True),
}
BODY_OPTIONAL = frozenset({"product", "carousel"})
HEADERLESS = frozenset({"product", "location_request_message", "catalog_message", "carousel", "request_contact_info"})
TEXT_HEADER_ONLY = frozenset({"list", "product_list"})
