"""One request of every kind, as the document shows it and as a test sends it."""

from tools.vestnik.openapi import samples
from tools.vestnik.openapi.note import Example, Json

INTERACTIVE_BODY = {"text": "Когда вам удобно?"}
PICTURE = {"link": "https://shop.example.com/bread.jpg", "caption": "Ваш хлеб готов"}


def requests() -> dict[str, Example]:
    """By name; a template needs a consent, the others an open window, but every one of them is accepted."""
    contents = {
        "template": ("template", _template()),
        "text": ("text", {"body": "Ваш заказ готов.", "preview_url": False}),
        "image": ("image", PICTURE),
        "audio": ("audio", {"link": "https://shop.example.com/hello.ogg"}),
        "video": ("video", {"link": "https://shop.example.com/oven.mp4", "caption": "Из печи"}),
        "document": ("document", {"link": "https://shop.example.com/1042.pdf", "filename": "invoice-1042.pdf"}),
        "sticker": ("sticker", {"link": "https://shop.example.com/thanks.webp"}),
        "location": ("location", {"latitude": 55.7522, "longitude": 37.6156, "name": "Пекарня", "address": "Мира, 17"}),
        "contacts": ("contacts", [_contact()]),
        "buttons": ("interactive", _buttons()),
        "list": ("interactive", _list()),
        "link": ("interactive", _link()),
        "location_request": ("interactive", _location_request()),
        "flow": ("interactive", _flow()),
        "product": ("interactive", _product()),
    }
    built = {name: Example(_message(kind, content), f"{name}: {kind}") for name, (kind, content) in contents.items()}
    return {**built, **_about_another_message(), "user_id": Example(_to_user_id(), "to a business-scoped user id")}


def _about_another_message() -> dict[str, Example]:
    """These need a message that exists."""
    reaction = _message("reaction", {"message_id": samples.INBOUND_ID, "emoji": "👍"})
    reply = _message("text", {"body": "Да, до восьми."}) | {"context": {"message_id": samples.INBOUND_ID}}
    read = {"messaging_product": "whatsapp", "status": "read", "message_id": samples.INBOUND_ID}
    return {
        "reply": Example(reply, "a reply that quotes", sent=False),
        "reaction": Example(reaction, "reaction: an emoji under a message", sent=False),
        "read": Example(read, "mark as read", sent=False),
        "typing": Example({**read, "typing_indicator": {"type": "text"}}, "mark as read, and show typing", sent=False),
    }


def _message(kind: str, content: object) -> Json:
    return {"messaging_product": "whatsapp", "to": samples.PERSON, "type": kind, kind: content}


def _to_user_id() -> Json:
    body = _message("text", {"body": "Ваш заказ готов."})
    del body["to"]
    return {**body, "recipient": "RU.13491208655302741918"}


def _template() -> Json:
    parameters = [{"type": "text", "text": "Анна"}]
    return {
        "name": samples.TEMPLATE,
        "language": {"code": samples.LANGUAGE},
        "components": [{"type": "body", "parameters": parameters}],
    }


def _contact() -> Json:
    return {
        "name": {"formatted_name": "Анна Петрова", "first_name": "Анна"},
        "phones": [{"phone": "+7 495 123-45-67", "type": "WORK"}],
    }


def _buttons() -> Json:
    replies = [{"id": "morning", "title": "Утром"}, {"id": "evening", "title": "Вечером"}]
    buttons = [{"type": "reply", "reply": reply} for reply in replies]
    return {"type": "button", "body": INTERACTIVE_BODY, "action": {"buttons": buttons}}


def _list() -> Json:
    rows = [{"id": "morning", "title": "Утром", "description": "С 9 до 12"}, {"id": "evening", "title": "Вечером"}]
    action = {"button": "Выбрать", "sections": [{"title": "Когда", "rows": rows}]}
    return {"type": "list", "body": INTERACTIVE_BODY, "footer": {"text": "Пекарня на Мира"}, "action": action}


def _link() -> Json:
    parameters = {"display_text": "Открыть заказ", "url": "https://shop.example.com/orders/1042"}
    return {"type": "cta_url", "body": INTERACTIVE_BODY, "action": {"name": "cta_url", "parameters": parameters}}


def _location_request() -> Json:
    return {"type": "location_request_message", "body": INTERACTIVE_BODY, "action": {"name": "send_location"}}


def _flow() -> Json:
    parameters = {"flow_message_version": "3", "flow_id": "1122334455", "flow_cta": "Записаться", "mode": "published"}
    return {"type": "flow", "body": INTERACTIVE_BODY, "action": {"name": "flow", "parameters": parameters}}


def _product() -> Json:
    return {"type": "product", "action": {"catalog_id": "194836987003835", "product_retailer_id": "bread-17"}}
