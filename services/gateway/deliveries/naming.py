"""Our ids in the place of Meta's, in what a tenant is told: Meta's hold phone numbers and mean nothing to it."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.inbound import service as inbound
from services.gateway.keys.service import Keyring
from services.gateway.media.service import MEDIA_KINDS, inbound_media_id, media_url
from services.gateway.messages import service as messages
from services.kernel import clock, crypto
from services.kernel.contracts.inbound import inbound_id_of
from services.kernel.errors import ServiceError

Name = tuple[UUID, str]  # a tenant, and an id of Meta's

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


async def our_ids(connection: AsyncConnection, keyring: Keyring, names: Collection[Name]) -> dict[UUID, dict[str, str]]:
    """By tenant, our ids of the messages of these names: its own, or of what people wrote to it."""
    indexes = await _indexes(keyring, sorted(names))
    if not indexes:
        return {}
    sent = await messages.match(
        connection, [tenant for tenant, _ in indexes], list(indexes.values()), since=clock.now()
    )
    inbound_ids = {name: inbound_id_of(name[0], index) for name, index in indexes.items()}
    known = await inbound.known(
        connection, tenant_ids=[tenant for tenant, _ in inbound_ids], ids=list(inbound_ids.values())
    )
    ours: dict[UUID, dict[str, str]] = defaultdict(dict)
    for (tenant_id, name), index in indexes.items():
        inbound_id = inbound_ids[tenant_id, name]
        if (row := sent.get((tenant_id, index))) is not None:
            ours[tenant_id][name] = str(row.id)
        elif inbound_id in known:
            ours[tenant_id][name] = str(inbound_id)
    return ours


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


async def _indexes(keyring: Keyring, names: Iterable[Name]) -> dict[Name, str]:
    """Blind indexes of Meta's ids; a tenant whose keys are gone has none, an outage is raised."""
    indexes: dict[Name, str] = {}
    for tenant_id, name in names:
        try:
            index_key = await keyring.index_key(tenant_id)
        except ServiceError as error:
            if error.retryable:
                raise
            continue
        indexes[tenant_id, name] = crypto.blind_index(index_key, "wamid", name)
    return indexes


def _is_id(parent: str, name: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return _NAMES_ANOTHER.get(parent) == name or (
        value.startswith(START) and (name == "id" or name.endswith("_id")) and parent not in _NOT_METAS
    )
