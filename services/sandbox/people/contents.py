"""The ready-made content of each kind of message a person may send."""

from typing import Any

LOCATION = {"latitude": 55.751244, "longitude": 37.618423, "name": "Красная площадь", "address": "Москва"}
CONTACT = {
    "name": {"formatted_name": "Олег Волков", "first_name": "Олег", "last_name": "Волков"},
    "phones": [{"phone": "+7 999 000-00-42", "wa_id": "79990000042", "type": "CELL"}],
}
UNSUPPORTED = {
    "code": 131051,
    "title": "Message type unknown",
    "message": "Message type unknown",
    "error_data": {"details": "Message type is currently not supported."},
}


def ready_made(kind: str, *, phone: str, text: str | None) -> Any:
    """The object under the type's name; None where the type has none, or needs something to refer to."""
    return {
        "location": LOCATION,
        "contacts": [CONTACT],
        "order": {
            "catalog_id": "354160437058781",
            "text": text or "",
            "product_items": [{"product_retailer_id": "BREAD", "quantity": 2, "item_price": 95.5, "currency": "RUB"}],
        },
        "system": {
            "body": f"User changed from {phone} to {_next(phone)}",
            "wa_id": _next(phone),
            "type": "user_changed_number",
        },
        "unsupported": {"type": "poll"},
    }.get(kind)


def media(kind: str, medium: Any, url: str, *, caption: str | None, voice: bool) -> dict[str, Any]:
    """The object of an image, video, audio, document or sticker in a webhook."""
    found = {"id": medium.id, "mime_type": medium.mime_type, "sha256": medium.sha256, "url": url}
    if kind == "audio":
        found["voice"] = voice
    if kind == "sticker":
        found["animated"] = False
    if kind == "document":
        found["filename"] = medium.filename or "document.pdf"
    if caption is not None and kind in ("image", "video", "document"):
        found["caption"] = caption
    return found


def shown(kind: str, content: Any, text: str | None) -> str:
    """What the phone's page says in words."""
    if text or not isinstance(content, dict):
        return text or ""
    reply = content.get(content.get("type", ""), content)
    return str(reply.get("title") or reply.get("text") or reply.get("emoji") or "") if isinstance(reply, dict) else ""


def _next(phone: str) -> str:
    return str(int(phone) + 1)
