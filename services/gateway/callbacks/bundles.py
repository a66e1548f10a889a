"""How facts are stored: those of one tenant and one batch together, in the order in which they are told (hot path)."""

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

BUNDLE_MAX = 100  # facts: what one body holds at most, 80 kB

Kind = Literal["status", "message", "platform"]

_encode = msgspec.json.Encoder().encode


class CallbackFact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something a tenant is to hear of once; `event_id` is what it sees, at every delivery and at every endpoint.

    `topic` is what endpoints filter by: "messages" (inbound), "statuses.sent|delivered|read|failed", or Meta's name of
    the webhook field. Facts of one `person` are told in the order in which they were enqueued.

    `content` is the JSON of what is not personal. Of a status: {"status", "pricing"?, "error": {"code", "title"}?,
    "sealed_details"? (base64, sealed for `event_id`)};
    of a message: {"window_expires_at"}; of a platform fact: {"field", "waba_id", "sealed_value" (base64), "time"}, with
    `subject_id` = `event_id` and `person` = `phone_number_id` = "". `subject_id` is else our message id or inbound id.
    """

    event_id: UUID
    tenant_id: UUID
    person: str
    phone_number_id: str
    kind: Kind
    topic: str
    subject_id: UUID
    occurred_at: datetime
    content: bytes


class StoredFact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fact as it stands in its bundle; `conversation` is all that is kept of the person, `timestamp` is Unix time.

    Ids are texts: they are written far more often than they are compared.
    """

    event_id: str
    subject_id: str
    conversation: int
    kind: Kind
    topic: str
    phone_number_id: str
    timestamp: int
    content: msgspec.Raw


class Bundle(NamedTuple):
    """Facts of one tenant, encoded; `places` are theirs by topic."""

    tenant_id: UUID
    facts: bytes
    size: int
    places: dict[str, list[int]]


_decoder = msgspec.json.Decoder(list[StoredFact])


def bundles(facts: Sequence[CallbackFact]) -> list[Bundle]:
    """The facts by tenant, each once, in their order."""
    of_tenants: dict[int, dict[int, CallbackFact]] = {}  # numbers, because hashing a UUID is slow
    for fact in facts:
        of_tenants.setdefault(fact.tenant_id.int, {}).setdefault(fact.event_id.int, fact)
    in_order = [list(unique.values()) for unique in of_tenants.values()]
    return [_bundle(mine[start : start + BUNDLE_MAX]) for mine in in_order for start in range(0, len(mine), BUNDLE_MAX)]


def decode(facts: bytes) -> list[StoredFact]:
    return _decoder.decode(facts)


def _bundle(facts: Sequence[CallbackFact]) -> Bundle:
    places: dict[str, list[int]] = {}
    for place, fact in enumerate(facts):
        places.setdefault(fact.topic, []).append(place)
    return Bundle(facts[0].tenant_id, _encode([_stored(fact) for fact in facts]), len(facts), places)


def _stored(fact: CallbackFact) -> tuple[object, ...]:
    """The fields of a StoredFact."""
    return (
        fact.event_id,
        fact.subject_id,
        zlib.crc32(fact.person.encode()) - 2**31,
        fact.kind,
        fact.topic,
        fact.phone_number_id,
        int(fact.occurred_at.timestamp()),
        msgspec.Raw(fact.content),
    )
