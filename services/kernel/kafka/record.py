"""A fact as bytes and back: JSON values with CloudEvents headers (hot path)."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import msgspec

from services.kernel.contracts import EVENT_TYPES, TOPICS, Event

_encoder = msgspec.json.Encoder()
# Where a fact's id stands in its JSON, after `{"id":"`: to make this text again takes half as long as all the JSON.
_ID = slice(7, 43)

Headers = tuple[tuple[str, bytes], ...]


class Record(msgspec.Struct, frozen=True, gc=False):
    """What is written to a topic."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers
    is_express: bool = False


class UnknownKind(Exception):
    """A kind of fact that this build does not know: somebody else's business."""


class Undecodable(Exception):
    """A record that claims to be ours and cannot be read, or comes in a version newer than this build."""


class _Form(NamedTuple):
    """What the records of one kind of fact have in common."""

    topic: str
    headers: Headers  # ce_specversion, ce_type, ce_source
    subject: str | None
    is_laned: bool


def encode(event: Event) -> Record:
    """The record of a fact, keyed for its partition."""
    topic, (version, kind, source), subject, is_laned = _form(type(event))
    value = _encoder.encode(event)
    headers: Headers = (version, kind, ("ce_id", value[_ID]), source)
    if subject is not None:
        headers = (*headers, ("ce_subject", str(getattr(event, subject)).encode()))
    is_express = is_laned and getattr(event, "lane") == "express"  # noqa: B009  # not every fact has one
    return Record(topic, event.partition_key, value, headers, is_express)


@cache
def _form(kind: type[Event]) -> _Form:
    assert kind.__struct_fields__[0] == "id", f"{kind.__name__}: the id must come first, where `encode` reads it"
    topic = kind.TOPIC
    return _Form(topic.name, _standing_headers(kind.TYPE, topic.owner), kind.SUBJECT, "lane" in kind.__struct_fields__)


def stored(*, topic: str, key: bytes, value: bytes, type_: str, id_: str) -> Record:
    """The record of a fact that was encoded earlier."""
    event = EVENT_TYPES.get(type_)
    if event is not None and (event.SUBJECT is not None or "lane" in event.__struct_fields__):
        return encode(msgspec.json.decode(value, type=event))
    return Record(topic, key, value, cloud_headers(type_=type_, id_=id_, owner=TOPICS[topic].owner))


def cloud_headers(*, type_: str, id_: str, owner: str) -> Headers:
    """The CloudEvents headers that any tool can read."""
    version, kind, source = _standing_headers(type_, owner)
    return (version, kind, ("ce_id", id_.encode()), source)


@cache
def _standing_headers(type_: str, owner: str) -> Headers:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", type_.encode()),
        ("ce_source", b"/vestnik/" + owner.encode()),
    )


def header_of(headers: Iterable[tuple[str, bytes]], wanted: str) -> bytes | None:
    """The value of the first header of that name."""
    for name, value in headers:
        if name == wanted:
            return value
    return None


def decode(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> Event:
    """The fact of a record; raises UnknownKind (to be ignored) or Undecodable (to be buried)."""
    type_ = header_of(headers, "ce_type")
    if type_ is None or value is None:
        raise Undecodable("the record has no ce_type header or no value")
    decoder = _decoder(type_)
    if decoder is None:
        raise _unknown(type_.decode("utf-8", "replace"))
    try:
        return decoder.decode(value)
    except msgspec.MsgspecError as error:
        raise Undecodable(f"{type_.decode()} does not fit its contract") from error


def _unknown(type_: str) -> Exception:
    kind = type_.rpartition(".")[0]
    if any(known.rpartition(".")[0] == kind for known in EVENT_TYPES):
        return Undecodable(f"{type_} is a version this build does not know: deploy the newer build, then replay")
    return UnknownKind(type_)


_decoders: dict[bytes, "msgspec.json.Decoder[Event]"] = {}


def _decoder(type_: bytes) -> "msgspec.json.Decoder[Event] | None":
    if (decoder := _decoders.get(type_)) is None and (event := EVENT_TYPES.get(type_.decode("utf-8", "replace"))):
        decoder = _decoders[type_] = msgspec.json.Decoder(event)
    return decoder
