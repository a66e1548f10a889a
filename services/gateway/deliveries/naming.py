"""Our ids in the place of Meta's, in what a tenant is told: Meta's hold phone numbers and mean nothing to it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec

from services.gateway.media.service import MEDIA_KINDS, inbound_media_id, media_url

START = "wamid."
# Where a message names another one (whatsapp-cloud-api 3.4): whatever stands there is an id.
_NAMES_ANOTHER = {
    "context": "id",
    "reaction": "message_id",
    "edit": "original_message_id",
    "revoke": "original_message_id",
}
# Ids and payloads that the tenant itself chose, and what the person typed.
_NOT_METAS = frozenset({"button_reply", "list_reply", "nfm_reply", "button", "text"})
_METAS_WORDS = frozenset({"details", "message", "title"})  # of an error
_IN_WORDS = re.compile(r"wamid\.[A-Za-z0-9+/=_-]+")


# Where none of these is written, nothing names an id: an escaped letter of ASCII may be one of theirs.
_TRACES = re.compile(rb'wamid\.|\\u00|"(?:' + "|".join(_NAMES_ANOTHER).encode() + rb')"')


def without_ids(fields: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """The fields of an object without Meta's ids; what names none, which is almost everything, stays as it is written.

    As `renamed` with no ids of ours.
    """
    told: dict[str, msgspec.Raw] = {}
    for name, written in fields.items():
        if name not in _NAMES_ANOTHER and _TRACES.search(written) is None:
            told[name] = written
        elif name in (left := renamed({name: msgspec.json.decode(written)}, {})):
            told[name] = msgspec.Raw(msgspec.json.encode(left[name]))
    return told


def named_ids(node: Any, parent: str = "") -> Iterator[str]:
    """Every id of Meta's that stands in a message, but the message's own."""
    if isinstance(node, list):
        for item in node:
            yield from named_ids(item, parent)
    elif isinstance(node, dict) and parent not in _NOT_METAS:
        for name, value in node.items():
            if _is_id(parent, name, value):
                yield value
            else:
                yield from named_ids(value, name)


def renamed(node: Any, ours: Mapping[str, str], parent: str = "") -> Any:
    """The same with our ids; a field whose id we do not know is left out, the rest stays."""
    if isinstance(node, list):
        return [renamed(item, ours, parent) for item in node]
    if not isinstance(node, dict) or parent in _NOT_METAS:
        return _IN_WORDS.sub("", node) if isinstance(node, str) and parent in _METAS_WORDS else node
    told: dict[str, Any] = {}
    for name, value in node.items():
        if not _is_id(parent, name, value):
            told[name] = renamed(value, ours, name)
        elif value in ours:
            told[name] = ours[value]
    return told


def with_our_media(message: dict[str, Any], inbound_id: UUID, public_url: str) -> dict[str, Any]:
    """The message with our id and url of its file, also of one that edits another."""
    edit = message.get("edit")
    if isinstance(edit, dict) and isinstance(edit.get("message"), dict):
        return message | {"edit": edit | {"message": _with_our_media(edit["message"], inbound_id, public_url)}}
    return _with_our_media(message, inbound_id, public_url)


def _with_our_media(message: dict[str, Any], inbound_id: UUID, public_url: str) -> dict[str, Any]:
    media_id = inbound_media_id(inbound_id)
    changed = {}
    for kind in MEDIA_KINDS:
        if isinstance(media := message.get(kind), dict):
            kept = {name: field for name, field in media.items() if name not in ("id", "url")}
            ours = {"id": str(media_id), "url": media_url(public_url, media_id)} if "id" in media else {}
            changed[kind] = ours | kept
    return message | changed


def _is_id(parent: str, name: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return _NAMES_ANOTHER.get(parent) == name or (
        value.startswith(START) and (name == "id" or name.endswith("_id")) and parent not in _NOT_METAS
    )
