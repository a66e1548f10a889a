"""A fact as bytes and back: JSON values with CloudEvents headers."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import msgspec

from services.kernel.contracts import EVENT_TYPES, Event

_encoder = msgspec.json.Encoder()


class Record(NamedTuple):
    """What is written to a topic."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class UnknownKind(Exception):
    """A kind of fact that this build does not know: somebody else's business."""


class Undecodable(Exception):
    """A record that claims to be ours and cannot be read, or comes in a version newer than this build."""


def encode(event: Event) -> Record:
    """The record of a fact, keyed for its partition."""
    return Record(
        topic=event.TOPIC.name,
        key=event.partition_key,
        value=_encoder.encode(event),
        headers=cloud_headers(type_=event.TYPE, id_=str(event.id), owner=event.TOPIC.owner),
    )


def cloud_headers(*, type_: str, id_: str, owner: str) -> tuple[tuple[str, bytes], ...]:
    """The CloudEvents headers that any tool can read."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", type_.encode()),
        ("ce_id", id_.encode()),
        ("ce_source", b"/vestnik/" + owner.encode()),
    )


def decode(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Event:
    """The fact of a record; raises UnknownKind (to be ignored) or Undecodable (to be buried)."""
    type_ = next((text.decode("utf-8", "replace") for name, text in headers if name == "ce_type"), None)
    if type_ is None or value is None:
        raise Undecodable("the record has no ce_type header or no value")
    if type_ not in EVENT_TYPES:
        raise _unknown(type_)
    try:
        return _decoder(type_).decode(value)
    except msgspec.MsgspecError as error:
        raise Undecodable(f"{type_} does not fit its contract") from error


def _unknown(type_: str) -> Exception:
    kind = type_.rpartition(".")[0]
    if any(known.rpartition(".")[0] == kind for known in EVENT_TYPES):
        return Undecodable(f"{type_} is a version this build does not know: deploy the newer build, then replay")
    return UnknownKind(type_)


@cache
def _decoder(type_: str) -> "msgspec.json.Decoder[Event]":
    return msgspec.json.Decoder(EVENT_TYPES[type_])
