"""The body of a callback in Meta's shape (whatsapp-cloud-api 3.3-3.5), one fact per `changes[].value`."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.gateway.callbacks.service import StoredFact
from services.gateway.deliveries.naming import renamed, with_our_media, without_ids

NOT_DIGITS = re.compile(r"[^0-9]")
NOT_ASCII = re.compile(r"[^\x00-~]+")
BSUID = re.compile(r"[A-Z]{2}\.")
_OURS = frozenset({"id", "status", "timestamp", "biz_opaque_callback_data"})
NULL = msgspec.Raw(b"null")
_encode = msgspec.json.Encoder().encode


class StatusContent(msgspec.Struct, frozen=True):
    """The part of a status fact that is not personal."""

    status: str
    pricing: msgspec.Raw = NULL
    error: msgspec.Raw = NULL
    sealed_details: bytes | None = None


class MessageContent(msgspec.Struct, frozen=True):
    window_expires_at: datetime


class PlatformContent(msgspec.Struct, frozen=True):
    """What Meta said of a template, a number or an account: `time` is its own, in Unix seconds."""

    field: str
    waba_id: str
    sealed_value: bytes
    time: int | None = None


class Inbound(msgspec.Struct, frozen=True):
    """What the webhook sealed: Meta's message and the contact that belongs to it."""

    message: dict[str, Any]
    contact: dict[str, Any] | None = None

    def __repr__(self) -> str:
        return "Inbound()"


class Reported(msgspec.Struct, frozen=True):
    """What the webhook sealed of a status: Meta's object, and the contact that belongs to it, as they were written."""

    status: dict[str, msgspec.Raw]
    contact: msgspec.Raw = NULL


class Sent(msgspec.Struct, frozen=True, gc=False):
    """What is given back of the tenant's own send request."""

    to: str | None = None
    recipient: str | None = None
    biz_opaque_callback_data: str | None = None

    def __repr__(self) -> str:
        return "Sent()"


class Addressed(NamedTuple):
    """The same as a status says it: whom it went to, and the tenant's own value."""

    recipient: dict[str, str]
    opaque: str | None

    def __repr__(self) -> str:
        return "Addressed()"


class Value(NamedTuple):
    """One fact, encoded, under Meta's name of its field, and the WABA it belongs to; Meta's time where it names one."""

    waba_id: str
    field: str
    value: bytes
    time: int | None = None

    def __repr__(self) -> str:
        return f"Value(waba_id={self.waba_id!r}, field={self.field!r})"


def status_value(
    fact: StoredFact,
    *,
    metadata: msgspec.Raw,
    content: StatusContent,
    addressed: Addressed | None,
    reported: Reported | None,
) -> bytes:
    """A status with our message id and the tenant's own value, else in Meta's words where Meta said it.

    `addressed` is None when the message itself cannot be opened (any more, or yet).
    """
    status: dict[str, Any] = {"id": fact.subject_id, "status": content.status, "timestamp": str(fact.timestamp)}
    if addressed is not None:
        status.update(addressed.recipient)
    if content.pricing != NULL:
        status["pricing"] = content.pricing
    if content.error != NULL:
        status["errors"] = [content.error]
    if reported is not None:
        said = {name: written for name, written in reported.status.items() if name not in _OURS}
        status.update(without_ids(said))
    if addressed is not None and addressed.opaque is not None:
        status["biz_opaque_callback_data"] = addressed.opaque
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata}
    if (contact := reported.contact if reported and reported.contact != NULL else _contact(status)) is not None:
        value["contacts"] = [contact]
    value["statuses"] = [status]
    value["event_id"] = fact.event_id
    return _encode(value)


def message_value(
    *,
    event_id: str,
    inbound_id: UUID,
    metadata: msgspec.Raw,
    content: MessageContent,
    inbound: Inbound,
    ours: Mapping[str, str],
    public_url: str,
) -> bytes:
    """An inbound message with our id, told together with the end of its window; `ours` are our ids by Meta's."""
    message = {"id": str(inbound_id)} | {name: field for name, field in inbound.message.items() if name != "id"}
    message = with_our_media(renamed(message, ours), inbound_id, public_url)
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": metadata}
    if inbound.contact is not None:
        value["contacts"] = [inbound.contact]
    value["messages"] = [message]
    value["window_expires_at"] = content.window_expires_at
    value["event_id"] = event_id
    return _encode(value)


def platform_value(*, event_id: str, value: dict[str, Any]) -> bytes:
    """What Meta said, with our event id; ids of messages, which only its echoes have, are left out."""
    return _encode(renamed(value, {}) | {"event_id": event_id})


def unreadable_message(*, kind: str, timestamp: int) -> Inbound:
    """What is told of an inbound message whose content cannot be opened: that it came."""
    title = "Message content is not available"
    error = {"code": 131051, "title": title, "message": title}
    return Inbound(
        message={
            "id": "",
            "timestamp": str(timestamp),
            "type": "unsupported",
            "unsupported": {"type": kind},
            "errors": [error],
        }
    )


def metadata(phone_number_id: str, display_phone_number: str | None) -> msgspec.Raw:
    shown = {} if display_phone_number is None else {"display_phone_number": display_phone_number}
    return msgspec.Raw(_encode(shown | {"phone_number_id": phone_number_id}))


def envelope(values: Iterable[Value]) -> bytes:
    """One body: an entry for each WABA and time, in order of first appearance, and in it one change for each fact."""
    entries: dict[tuple[str, int | None], list[dict[str, Any]]] = {}
    for one in values:
        entries.setdefault((one.waba_id, one.time), []).append({"field": one.field, "value": msgspec.Raw(one.value)})
    return _escaped(
        {
            "object": "whatsapp_business_account",
            "entry": [
                {"id": waba_id, **({} if time is None else {"time": time}), "changes": changes}
                for (waba_id, time), changes in entries.items()
            ],
        }
    )


def _escaped(body: dict[str, Any]) -> bytes:
    r"""Letters beyond ASCII as Meta writes them, \u and four digits: some clients do the same before they verify."""
    encoded = _encode(body)
    return encoded if encoded.isascii() else NOT_ASCII.sub(_units, encoded.decode()).encode()


def _units(letters: re.Match[str]) -> str:
    units = letters[0].encode("utf-16-be")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))


def addressed(sent: Sent) -> Addressed:
    """Whom it went to: digits of a phone number, a BSUID as it is, or both."""
    recipient: dict[str, str] = {}
    for text in (sent.to, sent.recipient):
        if text and BSUID.match(text):
            recipient["recipient_user_id"] = text
        elif text and (digits := NOT_DIGITS.sub("", text)):
            recipient["recipient_id"] = digits
    return Addressed(recipient, sent.biz_opaque_callback_data)


def _contact(status: Mapping[str, Any]) -> dict[str, Any] | None:
    """Meta has one beside most statuses, and clients rely on its BSUID: null where nobody told us."""
    if "recipient_id" in status:
        return {"wa_id": status["recipient_id"], "user_id": status.get("recipient_user_id")}
    return {"user_id": status["recipient_user_id"]} if "recipient_user_id" in status else None
