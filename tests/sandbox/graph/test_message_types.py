"""What is taken and what is refused of each type of message."""

from typing import Any

import pytest

from tests.sandbox.stand import Sandbox, message_to

WAMID = "wamid.HBgLNzkx"
LINK = {"link": "https://example.com/a.png"}
BODY = {"text": "Choose"}


def button(*replies: tuple[str, str], **more: Any) -> dict[str, Any]:
    buttons = [{"type": "reply", "reply": {"id": found, "title": title}} for found, title in replies]
    return {"type": "button", "body": BODY, "action": {"buttons": buttons}, **more}


def listing(*rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "list", "body": BODY, "action": {"button": "Open", "sections": [{"rows": list(rows)}]}, **more}


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"r{number}", "title": f"Row {number}", **more}


def flow(**parameters: Any) -> dict[str, Any]:
    given = {"flow_message_version": "3", "flow_cta": "Book", **parameters}
    return {"type": "flow", "body": BODY, "action": {"name": "flow", "parameters": given}}


def products(count: int, **more: Any) -> dict[str, Any]:
    items = [{"product_retailer_id": str(number)} for number in range(count)]
    action = {"catalog_id": "1", "sections": [{"title": "Bread", "product_items": items}]}
    return {"type": "product_list", "body": BODY, "action": action, **more}


def contact(**name: str) -> list[dict[str, Any]]:
    return [{"name": name, "phones": [{"phone": "+7 999 000-00-01", "type": "CELL"}]}]


CTA = {"display_text": "Open", "url": "https://example.com"}
CARD = {"card_index": 0, "body": {"text": "One"}, "header": {"type": "image", "image": LINK}, "action": {"name": "x"}}

TAKEN: list[tuple[str, Any]] = [
    ("image", LINK | {"caption": "a"}),
    ("audio", LINK | {"voice": True}),
    ("video", LINK),
    ("document", LINK | {"filename": "a.pdf", "caption": "x" * 1024}),
    ("sticker", LINK),
    ("location", {"latitude": 55.75, "longitude": "37.6", "name": "Home"}),
    ("contacts", contact(formatted_name="Anna S", first_name="Anna")),
    ("reaction", {"message_id": WAMID, "emoji": "👍"}),
    ("reaction", {"message_id": WAMID, "emoji": ""}),
    ("interactive", button(("1", "Yes"), ("2", "No"), ("3", "x" * 20))),
    ("interactive", button(("1", "Yes"), header={"type": "image", "image": LINK}, footer={"text": "x" * 60})),
    ("interactive", listing(*(row(number) for number in range(10)))),
    ("interactive", listing(row(1, description="x" * 72)) | {"body": {"text": "x" * 4096}}),
    ("interactive", {"type": "cta_url", "body": BODY, "action": {"name": "cta_url", "parameters": CTA}}),
    ("interactive", {"type": "location_request_message", "body": BODY, "action": {"name": "send_location"}}),
    ("interactive", {"type": "request_contact_info", "body": BODY, "action": {"name": "request_contact_info"}}),
    ("interactive", {"type": "catalog_message", "body": BODY, "action": {"name": "catalog_message"}}),
    ("interactive", {"type": "product", "action": {"catalog_id": "1", "product_retailer_id": "2"}}),
    ("interactive", products(30, header={"type": "text", "text": "Bread"})),
    ("interactive", flow(flow_id="1", flow_action="navigate", flow_action_payload={"screen": "ONE"})),
    ("interactive", {"type": "carousel", "body": BODY, "action": {"cards": [CARD, CARD]}}),
    ("interactive", {"type": "order_details", "body": BODY, "action": {"name": "review_and_pay", "parameters": {}}}),
]


@pytest.mark.parametrize(("kind", "content"), TAKEN)
async def test_every_type_is_taken(sandbox: Sandbox, phone: str, kind: str, content: Any) -> None:
    status, answer = await sandbox.post(message_to(phone, kind, content))

    assert status == 200, answer
    [send] = await sandbox.sends(phone)
    assert (send["type"], send["outcome"]) == (kind, "accepted")


REFUSED: list[tuple[str, Any, int, str]] = [
    ("image", {}, 131008, "image['id'] or image['link']"),
    ("image", LINK | {"id": "1"}, 131009, "not both"),
    ("image", {"link": "ftp://example.com"}, 131009, "http"),
    ("image", {"link": "https://exa mple.com"}, 131009, "URL"),
    ("image", {"id": "123456"}, 131009, "not the id of a medium"),
    ("image", LINK | {"caption": "x" * 1025}, 131009, "1024"),
    ("image", "text", 100, "object"),
    ("audio", LINK | {"caption": "no"}, 100, "caption"),
    ("image", LINK | {"filename": "a"}, 100, "filename"),
    ("location", {"latitude": 91, "longitude": 0}, 131009, "latitude"),
    ("location", {"latitude": 1}, 131008, "longitude"),
    ("contacts", [], 131009, "contacts"),
    ("contacts", contact(formatted_name="Anna"), 131008, "at least one"),
    ("contacts", [{"name": {"formatted_name": "A", "first_name": "A"}, "birthday": "1.1.1990"}], 131009, "birthday"),
    ("reaction", {"message_id": "0190f6c2-0000-7000-8000-000000000000", "emoji": "👍"}, 131009, "wamid"),
    ("reaction", {"message_id": WAMID, "emoji": "ok"}, 131009, "emoji"),
    ("interactive", {"type": "hologram"}, 131009, "type"),
    ("interactive", button(("1", "A"), ("2", "B"), ("3", "C"), ("4", "D")), 131009, "between 1 and 3"),
    ("interactive", button(("1", "A"), ("1", "B")), 131009, "unique"),
    ("interactive", button(("1", "A"), ("2", "A")), 131009, "unique"),
    ("interactive", button((" 1", "A")), 131009, "space"),
    ("interactive", button(("1", "x" * 21)), 131009, "20"),
    ("interactive", button(("1", "A")) | {"body": {"text": "x" * 1025}}, 131009, "1024"),
    ("interactive", button(("1", "A"), footer={"text": "x" * 61}), 131009, "60"),
    ("interactive", button(("1", "A"), header={"type": "text", "text": "x" * 61}), 131009, "60"),
    ("interactive", button(("1", "A"), header={"type": "audio"}), 131009, "header"),
    ("interactive", listing(*(row(number) for number in range(11))), 131009, "10"),
    ("interactive", listing(row(1), header={"type": "image", "image": LINK}), 131009, "header"),
    ("interactive", listing(row(1, description="x" * 73)), 131009, "72"),
    ("interactive", listing(row(1) | {"title": "x" * 25}), 131009, "24"),
    (
        "interactive",
        {"type": "cta_url", "body": BODY, "action": {"name": "cta_url", "parameters": {}}},
        131008,
        "display",
    ),
    (
        "interactive",
        {"type": "location_request_message", "body": BODY, "action": {"name": "x"}},
        131009,
        "send_location",
    ),
    ("interactive", products(30), 131008, "header"),
    ("interactive", products(31, header={"type": "text", "text": "Bread"}), 131009, "30"),
    ("interactive", flow(), 131009, "flow_id or flow_name"),
    ("interactive", flow(flow_id="1", flow_name="one"), 131009, "flow_id or flow_name"),
    ("interactive", {"type": "carousel", "action": {"cards": [CARD]}}, 131009, "cards"),
]


@pytest.mark.parametrize(("kind", "content", "expected"), [(*one[:2], one[2:]) for one in REFUSED])
async def test_what_breaks_a_limit_is_refused_and_named(
    sandbox: Sandbox, phone: str, kind: str, content: Any, expected: tuple[int, str]
) -> None:
    code, words = expected
    status, answer = await sandbox.post(message_to(phone, kind, content))

    assert (status, answer["error"]["code"]) == (400, code), answer
    assert words in answer["error"]["error_data"]["details"]


async def test_rows_are_counted_over_all_sections(sandbox: Sandbox, phone: str) -> None:
    sections = [{"title": f"S{one}", "rows": [row(one * 10 + number) for number in range(6)]} for one in range(2)]
    content = {"type": "list", "body": BODY, "action": {"button": "Open", "sections": sections}}

    status, answer = await sandbox.post(message_to(phone, "interactive", content))
    assert (status, answer["error"]["code"]) == (400, 131009)
    untitled = [{"rows": [row(1)]}, {"rows": [row(2)]}]
    content["action"] = {"button": "Open", "sections": untitled}
    assert (await sandbox.post(message_to(phone, "interactive", content)))[1]["error"]["code"] == 131008


async def test_a_message_may_quote_another_and_a_reaction_may_not(sandbox: Sandbox, phone: str) -> None:
    text, quote = {"body": "yes"}, {"message_id": WAMID}
    assert (await sandbox.post(message_to(phone, "text", text, context=quote)))[0] == 200

    for body, code in (
        (message_to(phone, "text", text, context={}), 131008),
        (message_to(phone, "text", text, context={"message_id": "0190"}), 131009),
        (message_to(phone, "reaction", {"message_id": WAMID, "emoji": "👍"}, context=quote), 131009),
    ):
        assert (await sandbox.post(body))[1]["error"]["code"] == code


async def test_read_marks_and_typing_name_a_message_of_meta(sandbox: Sandbox) -> None:
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": WAMID}
    assert await sandbox.post(mark) == (200, {"success": True})
    assert await sandbox.post(mark | {"typing_indicator": {"type": "text"}}) == (200, {"success": True})

    assert (await sandbox.post(mark | {"message_id": "0190"}))[1]["error"]["code"] == 131009
    assert (await sandbox.post(mark | {"typing_indicator": {"type": "song"}}))[1]["error"]["code"] == 131009


async def test_deep_json_and_a_lone_surrogate_are_refused_in_metas_envelope(sandbox: Sandbox) -> None:
    for raw in (b'{"text":' + b"[" * 100_000, b'{"messaging_product":"whatsapp","text":{"body":"\\ud800"}}'):
        status, answer = await sandbox.post(raw)
        assert (status, answer["error"]["code"]) == (400, 100)
