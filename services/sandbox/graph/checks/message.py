"""Checks one message from its envelope to its content, in the order in which Meta complains (hot path)."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from services.sandbox.graph.checks import interactive, media, templates
from services.sandbox.graph.checks.fields import part
from services.sandbox.graph.checks.people_and_places import (
    check_contacts,
    check_location,
    check_message_id,
    check_reaction,
)
from services.sandbox.graph.schemas import Message, Text, content_of
from services.sandbox.refusals import GraphError

TEXT_MAX, CALLBACK_DATA_MAX = 4096, 512  # characters
PHONE_DIGITS_MAX = 15  # E.164
_PHONE = re.compile(r"\+?[0-9() -]{3,32}")
_BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")


def _medium(kind: str) -> Callable[[Any, media.KindOf], None]:
    return lambda given, kind_of: media.check(kind, given, kind, kind_of)


_CHECKS: Mapping[str, Callable[[Any, media.KindOf], None]] = {
    "interactive": interactive.check,
    "location": lambda given, _: check_location(given),
    "contacts": lambda given, _: check_contacts(given),
    "reaction": lambda given, _: check_reaction(given),
    **{kind: _medium(kind) for kind in media.KINDS},
}


def check(message: Message, body: bytes, kind_of: media.KindOf) -> Any:
    """Raise the error Meta would answer; gives back the content of the types that are no text and no template."""
    if message.messaging_product != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required and must be whatsapp.")
    if message.is_mark:
        _check_mark(message)
        return None
    _check_recipient(message)
    if message.biz_opaque_callback_data is not None and len(message.biz_opaque_callback_data) > CALLBACK_DATA_MAX:
        raise GraphError(131009, f"biz_opaque_callback_data must be at most {CALLBACK_DATA_MAX} characters long.")
    if message.context is not None:
        _check_context(message)
    return _check_content(message, body, kind_of)


def _check_mark(message: Message) -> None:
    if message.status != "read":
        raise GraphError(131009, "The parameter status must be read.", is_of_message=False)
    if not message.message_id:
        raise GraphError(131008, "The parameter message_id is required.", is_of_message=False)
    if not message.message_id.startswith("wamid."):
        raise GraphError(131009, "The parameter message_id is not the id of a message (wamid).", is_of_message=False)
    if message.typing_indicator is not None and message.typing_indicator.get("type") != "text":
        raise GraphError(131009, "The parameter typing_indicator['type'] must be text.", is_of_message=False)


def _check_recipient(message: Message) -> None:
    if message.recipient_type != "individual":
        raise GraphError(100, "The parameter recipient_type must be individual: the sandbox knows no groups.")
    if message.to:
        digits = sum(map(str.isdigit, message.to))
        if not _PHONE.fullmatch(message.to) or not 3 <= digits <= PHONE_DIGITS_MAX:
            raise GraphError(131009, "The parameter to is not a valid phone number.")
    elif not message.recipient:
        raise GraphError(100, "The parameter to is required.")
    elif not _BSUID.fullmatch(message.recipient):
        raise GraphError(131009, "The parameter recipient is not a business-scoped user id.")


def _check_context(message: Message) -> None:
    if message.type == "reaction":
        raise GraphError(131009, "The parameter context is not allowed with a reaction.")
    if message.context is None or not message.context.message_id:
        raise GraphError(131008, "The parameter context['message_id'] is required.")
    check_message_id(message.context.message_id, "context['message_id']")


def _check_content(message: Message, body: bytes, kind_of: media.KindOf) -> Any:
    if message.type == "text":
        return _check_text(message.text)
    if message.type == "template":
        return templates.check(message.template, kind_of)
    looked_into = _CHECKS.get(message.type)
    if looked_into is None:
        raise GraphError(131051, "The message type is not supported.")
    content = content_of(body, message.type)
    if message.type != "contacts":
        part(content, message.type)
    looked_into(content, kind_of)
    return content


def _check_text(text: Text | None) -> None:
    if text is None or text.body is None:
        raise GraphError(131008, "The parameter text['body'] is required.")
    if not text.body.strip():
        raise GraphError(131009, "The parameter text['body'] must not be empty.")
    if len(text.body) > TEXT_MAX:
        raise GraphError(100, f"Param text['body'] must be at most {TEXT_MAX} characters long.")
