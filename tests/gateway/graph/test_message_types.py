"""Every type of message: what is taken as it came, and what is refused with Meta's code and the field's name."""

import json
from typing import Any

import pytest

from services.gateway.graph.errors import GraphError
from services.gateway.graph.schemas import read_request, read_send
from services.gateway.graph.sends import ReadMark

PERSON = "+79161234567"
IMAGE_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
LINK = "https://example.com/a.jpg"
LONG_LINK = "https://example.com/" + "a" * 1_981


def message(kind: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "to": PERSON, "type": kind, kind: content, **more}


def interactive(kind: str, action: Any, *, body: str | None = "Выберите", **more: Any) -> dict[str, Any]:
    content = {"type": kind, "action": action, **more}
    if body is not None:
        content["body"] = {"text": body}
    return message("interactive", content)


def buttons(*titles: str, ids: list[str] | None = None) -> dict[str, Any]:
    names = ids or [str(number) for number in range(len(titles))]
    return {
        "buttons": [
            {"type": "reply", "reply": {"id": id_, "title": title}} for id_, title in zip(names, titles, strict=True)
        ]
    }


def rows(count: int, *, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [{"id": str(number), "title": f"строка {number}", **more} for number in range(start, start + count)]


def sections(*parts: Any, button: str = "Меню") -> dict[str, Any]:
    return {"button": button, "sections": list(parts)}


def link_action(**changes: Any) -> dict[str, Any]:
    return {"name": "cta_url", "parameters": {"display_text": "Открыть", "url": LINK, **changes}}


def flow(**changes: Any) -> dict[str, Any]:
    parameters = {"flow_message_version": "3", "flow_id": "1", "flow_cta": "Анкета", "flow_token": "t", **changes}
    return {"name": "flow", "parameters": {name: value for name, value in parameters.items() if value is not None}}


def products(*counts: int, **more: Any) -> dict[str, Any]:
    found = [
        {"title": f"раздел {number}", "product_items": [{"product_retailer_id": f"p{item}"} for item in range(count)]}
        for number, count in enumerate(counts)
    ]
    return {"catalog_id": "1", "sections": found, **more}


def card(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "card_index": number,
        "type": "cta_url",
        "header": {"type": "image", "image": {"link": LINK}},
        "body": {"text": "карточка"},
        "action": {"name": "cta_url", "parameters": {"display_text": "x", "url": LINK}},
        **changes,
    }


def contact(**changes: Any) -> dict[str, Any]:
    return {
        "name": {"formatted_name": "Анна Иванова", "first_name": "Анна"},
        "phones": [{"phone": PERSON, "type": "HOME", "wa_id": "79161234567"}],
        "birthday": "1990-05-17",
        "org": {"company": "Сад", "title": "агроном"},
        "emails": [{"email": "a@example.com", "type": "WORK"}],
        "addresses": [{"city": "Тула", "country_code": "ru"}],
        "urls": [{"url": LINK, "type": "WORK"}],
        **changes,
    }


TEXT_HEADER = {"type": "text", "text": "Заголовок"}
IMAGE_HEADER = {"type": "image", "image": {"link": LINK}}

TAKEN: dict[str, dict[str, Any]] = {
    "a text": message("text", {"body": "🙂 مرحبا", "preview_url": True}),
    "a text with a false flag": message("text", {"body": "x", "preview_url": False}),
    "the longest text": message("text", {"body": "я" * 4_096}),
    "an image by link": message("image", {"link": LINK, "caption": "я" * 1_024}),
    "an image by id": message("image", {"id": IMAGE_ID}),
    "a video": message("video", {"link": "http://example.com/v.mp4?x=1#y"}),
    "a voice note": message("audio", {"link": LINK, "voice": True}),
    "a document": message("document", {"link": LINK, "filename": "счёт.pdf", "caption": "x"}),
    "a sticker": message("sticker", {"id": IMAGE_ID}),
    "a place in numbers": message("location", {"latitude": 55.75, "longitude": 37.61, "name": "x", "address": "y"}),
    "a place in text": message("location", {"latitude": "-90", "longitude": "180.0"}),
    "a contact": message("contacts", [contact()]),
    "many contacts": message("contacts", [contact()] * 257),
    "a reaction": message("reaction", {"message_id": "x", "emoji": "👍🏽"}),
    "a reaction taken back": message("reaction", {"message_id": "x", "emoji": ""}),
    "a quotation": message("text", {"body": "x"}, context={"message_id": "x"}),
    "everything beside": message(
        "text",
        {"body": "x"},
        recipient_identity_key_hash="DF2lS5v2W6x=",
        message_activity_sharing=True,
        biz_opaque_callback_data="x" * 512,
    ),
    "buttons": interactive("button", buttons("Да", "Нет", "Позже"), header=IMAGE_HEADER, footer={"text": "x" * 60}),
    "a list": interactive(
        "list",
        sections({"title": "А", "rows": rows(9)}, {"title": "Б", "rows": rows(1, start=9, description="д")}),
        body="я" * 4_096,
        header=TEXT_HEADER,
    ),
    "a list of one section": interactive("list", sections({"rows": rows(10)})),
    "a link": interactive("cta_url", link_action(), header=TEXT_HEADER),
    "a request for a place": interactive("location_request_message", {"name": "send_location"}),
    "a flow": interactive("flow", flow(flow_action_payload={"screen": "A", "data": {"image": {"id": "x"}}})),
    "a flow by name": interactive("flow", flow(flow_id=None, flow_name="анкета", mode="draft")),
    "a product": interactive("product", {"catalog_id": "1", "product_retailer_id": "2"}, body=None),
    "products": interactive("product_list", products(15, 15), header=TEXT_HEADER),
    "a catalogue": interactive(
        "catalog_message", {"name": "catalog_message", "parameters": {"thumbnail_product_retailer_id": "1"}}
    ),
    "a carousel": interactive("carousel", {"cards": [card(0), card(1)]}),
    "an order": interactive("order_details", {"name": "review_and_pay", "parameters": {"reference_id": "1"}}),
    "an order's state": interactive("order_status", {"name": "review_order", "parameters": {"reference_id": "1"}}),
    "a request for the number": interactive("request_contact_info", {"name": "request_contact_info"}),
    "a request to call": interactive("call_permission_request", {"name": "call_permission_request"}, body=None),
    "a call button": interactive("voice_call", {"name": "voice_call", "parameters": {"display_text": "x"}}),
    "an address form": interactive("address_message", {"name": "address_message", "parameters": {"country": "IN"}}),
}

# name -> (request, Meta's code, how the sentence begins: the field, and then the rule)
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "an empty text": (message("text", {"body": ""}), 131008, "text.body is required"),
    "no text": ({"messaging_product": "whatsapp", "to": PERSON}, 131008, "text.body is required"),
    "a long text": (message("text", {"body": "я" * 4_097}), 100, "text.body must be at most 4096"),
    "no image": (message("image", None), 131008, "image is required"),
    "an empty image": (message("image", {}), 131008, "image.id or image.link is required"),
    "an image twice": (message("image", {"id": "1", "link": LINK}), 131009, "image: give id or link"),
    "a link without a scheme": (message("image", {"link": "example.com/a"}), 131009, "image.link must be a whole http"),
    "a link to a file": (message("image", {"link": "file:///etc/passwd"}), 131009, "image.link must be a whole http"),
    "a link with a space": (message("image", {"link": "https://a/b c"}), 131009, "image.link must be a whole http"),
    "a long link": (message("image", {"link": LONG_LINK}), 100, "image.link must be at most 2000"),
    "a long caption": (message("image", {"link": LINK, "caption": "я" * 1_025}), 100, "image.caption must be at most"),
    "a caption of a sound": (message("audio", {"link": LINK, "caption": "x"}), 100, "audio.caption is not possible"),
    "a caption of a sticker": (message("sticker", {"id": "1", "caption": "x"}), 100, "sticker.caption is not"),
    "a name of an image": (message("image", {"link": LINK, "filename": "x"}), 100, "image.filename is only possible"),
    "a voice of a video": (message("video", {"link": LINK, "voice": True}), 100, "video.voice is only possible"),
    "an id that is a number": (message("image", {"id": 7}), 100, "image.id: expected `str | null`, got `int`"),
    "no latitude": (message("location", {"longitude": 1}), 131008, "location.latitude is required"),
    "too far north": (message("location", {"latitude": 91, "longitude": 1}), 131009, "location.latitude must be"),
    "too far east": (message("location", {"latitude": 1, "longitude": "181"}), 131009, "location.longitude must be"),
    "a place in words": (message("location", {"latitude": "north", "longitude": 1}), 131009, "location.latitude must"),
    "a place that is no number": (message("location", {"latitude": "nan", "longitude": 1}), 131009, "location.lat"),
    "no contacts": (message("contacts", []), 131008, "contacts is required and must not be empty"),
    "too many contacts": (message("contacts", [contact()] * 258), 100, "contacts must hold at most 257 items"),
    "a contact without a name": (message("contacts", [{"phones": []}]), 131008, "contacts[0].name is required"),
    "half a name": (
        message("contacts", [contact(), contact(name={"formatted_name": "x"})]),
        131008,
        "contacts[1].name needs one of first_name",
    ),
    "a birthday in words": (message("contacts", [contact(birthday="May")]), 100, "contacts[0].birthday must match"),
    "a reaction to nothing": (message("reaction", {"emoji": "👍"}), 131008, "reaction.message_id is required"),
    "a reaction without one": (message("reaction", {"message_id": "x"}), 131008, "reaction.emoji is required"),
    "a long reaction": (message("reaction", {"message_id": "x", "emoji": "x" * 33}), 100, "reaction.emoji must be"),
    "a reaction that quotes": (
        message("reaction", {"message_id": "x", "emoji": "👍"}, context={"message_id": "y"}),
        131009,
        "context is not possible with a reaction",
    ),
    "a quotation of nothing": (message("text", {"body": "x"}, context={}), 131008, "context.message_id is required"),
    "a long id": (message("text", {"body": "x"}, context={"message_id": "x" * 129}), 100, "context.message_id must"),
    "an unknown type": (message("hologram", {}), 131051, "type must be one of text, template, interactive"),
    "an unknown interactive": (interactive("quiz", {}), 131009, "interactive.type must be one of button, list"),
    "no action": (message("interactive", {"type": "button", "body": {"text": "x"}}), 131008, "interactive.action is"),
    "no body": (interactive("button", buttons("a"), body=None), 131008, "interactive.body.text is required"),
    "an empty body": (interactive("button", buttons("a"), body=""), 131008, "interactive.body.text is required"),
    "a long body": (interactive("button", buttons("a"), body="я" * 1_025), 100, "interactive.body.text must be at"),
    "a long list body": (interactive("list", sections({"rows": rows(1)}), body="я" * 4_097), 100, "interactive.body"),
    "a long footer": (
        interactive("button", buttons("a"), footer={"text": "x" * 61}),
        100,
        "interactive.footer.text must be at most 60",
    ),
    "a long header": (
        interactive("button", buttons("a"), header={"type": "text", "text": "x" * 61}),
        100,
        "interactive.header.text must be at most 60",
    ),
    "a header without its part": (
        interactive("button", buttons("a"), header={"type": "image", "text": "x"}),
        131008,
        "interactive.header.image is required",
    ),
    "a header with two parts": (
        interactive("button", buttons("a"), header={**IMAGE_HEADER, "text": "x"}),
        100,
        "interactive.header.text does not belong",
    ),
    "a header of another kind": (
        interactive("list", sections({"rows": rows(1)}), header=IMAGE_HEADER),
        131009,
        "interactive.header.type must be one of text",
    ),
    "a header where none may be": (
        interactive("location_request_message", {"name": "send_location"}, header=TEXT_HEADER),
        100,
        "interactive.header is not possible",
    ),
    "a footer where none may be": (
        interactive("location_request_message", {"name": "send_location"}, footer={"text": "x"}),
        100,
        "interactive.footer is not possible",
    ),
    "no buttons": (interactive("button", {"buttons": []}), 131008, "interactive.action.buttons is required"),
    "four buttons": (interactive("button", buttons(*"abcd")), 100, "interactive.action.buttons must hold at most 3"),
    "a long title": (interactive("button", buttons("x" * 21)), 100, "interactive.action.buttons[0].reply.title must"),
    "an empty title": (interactive("button", buttons("")), 131008, "interactive.action.buttons[0].reply.title is"),
    "equal titles": (interactive("button", buttons("a", "a")), 131009, "interactive.action.buttons: reply.title must"),
    "equal ids": (
        interactive("button", buttons("a", "b", ids=["1", "1"])),
        131009,
        "interactive.action.buttons: reply.id must be unique",
    ),
    "an id with a space": (
        interactive("button", buttons("a", ids=[" 1"])),
        131009,
        "interactive.action.buttons[0].reply.id must not begin or end",
    ),
    "a long button id": (
        interactive("button", buttons("a", ids=["x" * 257])),
        100,
        "interactive.action.buttons[0].reply.id must be at most 256",
    ),
    "a list without a button": (
        interactive("list", {"sections": [{"rows": rows(1)}]}),
        131008,
        "interactive.action.button is required",
    ),
    "a long list button": (
        interactive("list", sections({"rows": rows(1)}, button="x" * 21)),
        100,
        "interactive.action.button must be at most 20",
    ),
    "eleven sections": (
        interactive("list", sections(*({"title": str(n), "rows": rows(1, start=n)} for n in range(11)))),
        100,
        "interactive.action.sections must hold at most 10",
    ),
    "eleven rows": (interactive("list", sections({"rows": rows(11)})), 100, "interactive.action.sections must hold"),
    "eleven rows in two": (
        interactive("list", sections({"title": "a", "rows": rows(6)}, {"title": "b", "rows": rows(5, start=6)})),
        100,
        "interactive.action.sections must hold at most 10 rows in total",
    ),
    "equal rows": (
        interactive("list", sections({"rows": [*rows(1), *rows(1)]})),
        131009,
        "interactive.action.sections: rows[].id must be unique",
    ),
    "sections without titles": (
        interactive("list", sections({"title": "a", "rows": rows(1)}, {"rows": rows(1, start=1)})),
        131008,
        "interactive.action.sections[1].title is required",
    ),
    "a long row title": (
        interactive("list", sections({"rows": [{"id": "1", "title": "x" * 25}]})),
        100,
        "interactive.action.sections[0].rows[0].title must be at most 24",
    ),
    "a long row": (
        interactive("list", sections({"rows": rows(1, description="x" * 73)})),
        100,
        "interactive.action.sections[0].rows[0].description must be at most 72",
    ),
    "a link of another name": (
        interactive("cta_url", link_action() | {"name": "open"}),
        131009,
        'interactive.action.name must be "cta_url"',
    ),
    "a link without a url": (
        interactive("cta_url", {"name": "cta_url", "parameters": {"display_text": "x"}}),
        131008,
        "interactive.action.parameters.url is required",
    ),
    "a link to nowhere": (
        interactive("cta_url", link_action(url="nowhere")),
        131009,
        "interactive.action.parameters.url must be a whole http",
    ),
    "a link with a long text": (
        interactive("cta_url", link_action(display_text="x" * 21)),
        100,
        "interactive.action.parameters.display_text must be at most 20",
    ),
    "another request": (
        interactive("location_request_message", {"name": "send"}),
        131009,
        'interactive.action.name must be "send_location"',
    ),
    "a flow by id and name": (
        interactive("flow", flow(flow_name="x")),
        131009,
        "interactive.action.parameters: give one of flow_id and flow_name",
    ),
    "a flow by nothing": (
        interactive("flow", flow(flow_id=None)),
        131009,
        "interactive.action.parameters: give one of flow_id and flow_name",
    ),
    "a flow in another mode": (
        interactive("flow", flow(mode="test")),
        131009,
        "interactive.action.parameters.mode must be one of draft, published",
    ),
    "a product list without a header": (
        interactive("product_list", products(1)),
        131008,
        "interactive.header is required with the type product_list",
    ),
    "31 products": (
        interactive("product_list", products(15, 16), header=TEXT_HEADER),
        100,
        "interactive.action.sections must hold at most 30 products",
    ),
    "one card": (interactive("carousel", {"cards": [card(0)]}), 100, "interactive.action.cards must hold at least 2"),
    "eleven cards": (
        interactive("carousel", {"cards": [card(number) for number in range(11)]}),
        100,
        "interactive.action.cards must hold at most 10",
    ),
    "cards out of order": (
        interactive("carousel", {"cards": [card(1), card(0)]}),
        131009,
        "interactive.action.cards[0].card_index must be 0",
    ),
    "a card with a long body": (
        interactive("carousel", {"cards": [card(0), card(1, body={"text": "x" * 161})]}),
        100,
        "interactive.action.cards[1].body.text must be at most 160",
    ),
    "an order without parameters": (
        interactive("order_details", {"name": "review_and_pay"}),
        131008,
        "interactive.action.parameters is required",
    ),
    "a deep flow": (
        interactive("flow", flow(flow_action_payload=json.loads('{"a":' * 40 + "1" + "}" * 40))),
        100,
        "interactive.action must not be nested deeper than 32",
    ),
    "a nest in what nobody reads": (
        message("text", {"body": "x"}, oddity=json.loads("[" * 100 + "]" * 100)),
        100,
        "The body must not be nested deeper than 100",
    ),
    "a card with an id that is a number": (
        interactive("carousel", {"cards": [card(0), card(1, header={"type": "image", "image": {"id": 7}})]}),
        131009,
        "interactive.action.cards[1].header.image.id must be text",
    ),
    "a number in a long coat": (message("text", {"body": "x"}, to=PERSON + " " * 60), 100, "to must be at most 64"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_good_message_is_sealed_as_it_came(name: str) -> None:
    request = TAKEN[name]
    send = read_send(json.dumps(request).encode())
    assert json.loads(send.body) == request | {"recipient_type": "individual"}
    assert (send.kind, send.phone, send.country) == (request["type"], PERSON, "RU")


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_message_is_refused_by_field_and_rule(name: str) -> None:
    request, code, words = REFUSED[name]
    with pytest.raises(GraphError) as caught:
        read_send(json.dumps(request).encode())
    assert (caught.value.graph_code, caught.value.message[: len(words)]) == (code, words)


def test_only_ids_of_uploads_are_looked_up() -> None:
    for request, paths in (
        (TAKEN["an image by id"], ["image.id"]),
        (TAKEN["an image by link"], []),
        (TAKEN["a flow"], []),
        (
            interactive("button", buttons("a"), header={"type": "document", "document": {"id": IMAGE_ID}}),
            ["interactive.header.document.id"],
        ),
        (
            interactive("carousel", {"cards": [card(0, header={"type": "image", "image": {"id": IMAGE_ID}}), card(1)]}),
            ["interactive.action.cards[0].header.image.id"],
        ),
    ):
        assert [use.path for use in read_send(json.dumps(request).encode()).media] == paths


@pytest.mark.parametrize("user_id", ["US.13491208655302741918", "RU.ENT.118abcXYZ"])
def test_a_person_may_be_named_by_a_user_id(user_id: str) -> None:
    request = message("text", {"body": "x"}, recipient=user_id)
    del request["to"]
    send = read_send(json.dumps(request).encode())
    assert (send.phone, send.bsuid, send.country, send.to) == (None, user_id, user_id[:2], user_id)
    assert json.loads(send.body)["recipient"] == user_id
    assert "to" not in json.loads(send.body)


def test_the_number_wins_over_the_user_id() -> None:
    send = read_send(json.dumps(message("text", {"body": "x"}, recipient="US.1")).encode())
    assert (send.phone, send.bsuid) == (PERSON, None)
    assert "recipient" not in json.loads(send.body)


def test_a_read_mark_is_no_message() -> None:
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": IMAGE_ID}
    assert read_request(json.dumps(mark).encode()) == ReadMark(IMAGE_ID, is_typing=False)
    typing = mark | {"typing_indicator": {"type": "text"}}
    assert read_request(json.dumps(typing).encode()) == ReadMark(IMAGE_ID, is_typing=True)
    with pytest.raises(GraphError) as caught:
        read_send(json.dumps(mark).encode())
    assert caught.value.graph_code == 131051
