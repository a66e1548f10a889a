"""The body of a callback in Meta's shape (whatsapp-cloud-api 3.3-3.5), one fact per `changes[].value`."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

NOT_DIGITS = re.compile(r"[^0-9]")
BSUID = re.compile(r"[A-Z]{2}\.")
_encode = msgspec.json.Encoder().encode


class StatusContent(msgspec.Struct, frozen=True):
    """The part of a status fact that is not personal."""

    status: str
    pricing: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    sealed_errors: bytes | None = None
    errors_event_id: UUID | None = None


class MessageContent(msgspec.Struct, frozen=True):
    window_expires_at: datetime


class Inbound(msgspec.Struct, frozen=True):
    """What the webhook sealed: Meta's message and the contact that belongs to it."""

    message: dict[str, Any]
    contact: dict[str, Any] | None = None


class Sent(msgspec.Struct, frozen=True):
    """What is given back of the tenant's own send request."""

    to: str | None = None
    recipient: str | None = None
    biz_opaque_callback_data: str | None = None


class Value(NamedTuple):
    """One fact, encoded, and the WABA it belongs to."""

    waba_id: str
    value: bytes


def status_value(
    *,
    event_id: UUID,
    message_id: UUID,
    occurred_at: datetime,
    metadata: dict[str, str],
    content: StatusContent,
    sent: Sent | None,
    errors: list[dict[str, Any]] | None,
) -> bytes:
    """A status with our message id; `sent` is None when the message itself cannot be opened (any more, or yet)."""
    status: dict[str, Any] = {
        "id": str(message_id),
        "status": content.status,
        "timestamp": str(int(occurred_at.timestamp())),
    }
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata}
    recipient = _recipient(sent)
    status |= recipient
    if "recipient_id" in recipient and content.status != "failed":
        value["contacts"] = [{"wa_id": recipient["recipient_id"]}]
    if content.pricing is not None:
        status["pricing"] = content.pricing
    if errors:
        status["errors"] = errors
    if sent is not None and sent.biz_opaque_callback_data is not None:
        status["biz_opaque_callback_data"] = sent.biz_opaque_callback_data
    value["statuses"] = [status]
    value["event_id"] = str(event_id)
    return _encode(value)


def message_value(
    *,
    event_id: UUID,
    inbound_id: UUID,
    metadata: dict[str, str],
    content: MessageContent,
    inbound: Inbound,
) -> bytes:
    """An inbound message with our id, told together with the end of its window."""
    message = inbound.message | {"id": str(inbound_id)}
    if isinstance(context := message.get("context"), dict):
        # Meta's ids hold the phone number and mean nothing to a tenant, who knows ours.
        message["context"] = {name: field for name, field in context.items() if name != "id"}
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata}
    if inbound.contact is not None:
        value["contacts"] = [inbound.contact]
    value["messages"] = [message]
    value["window_expires_at"] = content.window_expires_at
    value["event_id"] = str(event_id)
    return _encode(value)


def unreadable_message(*, kind: str, occurred_at: datetime) -> Inbound:
    """What is told of an inbound message whose content cannot be opened: that it came."""
    title = "Message content is not available"
    error = {"code": 131051, "title": title, "message": title}
    return Inbound(
        message={
            "id": "",
            "timestamp": str(int(occurred_at.timestamp())),
            "type": "unsupported",
            "unsupported": {"type": kind},
            "errors": [error],
        }
    )


def metadata(phone_number_id: str, display_phone_number: str | None) -> dict[str, str]:
    shown = {} if display_phone_number is None else {"display_phone_number": display_phone_number}
    return shown | {"phone_number_id": phone_number_id}


def envelope(values: Iterable[Value]) -> bytes:
    """One body: an entry for each WABA, in order of first appearance, and in it one change for each fact."""
    by_waba: dict[str, list[dict[str, Any]]] = {}
    for waba_id, value in values:
        by_waba.setdefault(waba_id, []).append({"field": "messages", "value": msgspec.Raw(value)})
    entries = [{"id": waba_id, "changes": changes} for waba_id, changes in by_waba.items()]
    return _encode({"object": "whatsapp_business_account", "entry": entries})


def _recipient(sent: Sent | None) -> dict[str, str]:
    """Whom it went to: digits of a phone number, or a BSUID as it is."""
    text = (sent.to or sent.recipient or "") if sent else ""
    if BSUID.match(text):
        return {"recipient_user_id": text}
    digits = NOT_DIGITS.sub("", text)
    return {"recipient_id": digits} if digits else {}
