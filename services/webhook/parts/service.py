"""Splits a body into changes, each of which stands alone; what cannot be read holds up nothing beside it (hot path).

A part is the smallest thing that has a fate of its own: a message, a status, an error, a preference, or a whole change
of the fields that say one thing. Every part that arrives becomes facts, is held, or is ignored for a named reason.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from services.kernel.contracts import Event

WHATSAPP = "whatsapp_business_account"
NULL = msgspec.Raw(b"null")
LATEST_UNIX_SECONDS = 4_102_444_800  # the year 2100

#: What is raised by a part that is not as documented: no JSON, wrong types, no UTF-8, endless nesting, no sender.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

Reason = Literal["unknown_number", "unknown_waba", "malformed", "too_large", "wrong_signer"]


class Facts(NamedTuple):
    """One part that becomes facts: of several tenants, where it is about a WABA that they share."""

    events: Sequence[Event]


class Held(NamedTuple):
    """Parts that cannot go on, as a webhook of their own (or a body that is none), and why."""

    reason: Reason
    phone_number_id: str | None
    waba_id: str | None
    content: bytes
    parts: int = 1

    def __repr__(self) -> str:
        return f"Held(reason={self.reason!r}, parts={self.parts})"


class Ignored(NamedTuple):
    """A part that nobody here has a use for; nothing of it is kept. `reason` is one of a closed list."""

    reason: str


Outcome = Facts | Held | Ignored
_BECAME: dict[type[Outcome], str] = {Facts: "facts", Held: "held", Ignored: "ignored"}


class Tally:
    """The law of conservation: what arrived equals what became facts, was held, or was ignored."""

    def __init__(self) -> None:
        self.arrived = 0
        self.became: Counter[str] = Counter()

    def count(self, outcome: Outcome) -> None:
        self.became[_BECAME[type(outcome)]] += outcome.parts if isinstance(outcome, Held) else 1

    @property
    def holds(self) -> bool:
        return self.arrived == self.became.total()


class Change(NamedTuple):
    """One field with its value; `waba_id` is the id of the entry, which now and then is a business portfolio's."""

    waba_id: str
    time: int | None
    field: str
    value: msgspec.Raw

    def as_webhook(self, value: object = None) -> bytes:
        """The change alone as the body of a webhook, with another value if one is given."""
        entry: dict[str, object] = {"id": self.waba_id, "time": self.time} if self.time else {"id": self.waba_id}
        change = {"field": self.field, "value": self.value if value is None else value}
        return _webhook(entry | {"changes": [change]})


class Unreadable(NamedTuple):
    """Something that is no change: it is kept as it is."""

    content: bytes

    def __repr__(self) -> str:
        return "Unreadable()"


class _Envelope(msgspec.Struct, frozen=True):
    object: str = WHATSAPP  # Meta's own examples misplace it (whatsapp-cloud-api 3.7)
    entry: msgspec.Raw = NULL


class _Entry(msgspec.Struct, frozen=True):
    id: str | int | None = None
    time: msgspec.Raw = NULL
    changes: msgspec.Raw = NULL
    field: str | None = None


class _Change(msgspec.Struct, frozen=True):
    field: str | None = None
    value: msgspec.Raw = NULL
    rejection_info: msgspec.Raw = NULL


class _PlainEntry(msgspec.Struct, frozen=True):
    """An entry with its changes at once: what Meta sends all day."""

    id: str | int
    changes: list[_Change]
    time: msgspec.Raw = NULL


class _PlainEnvelope(msgspec.Struct, frozen=True):
    object: str
    entry: list[_PlainEntry]


class _Misplaced(msgspec.Struct, frozen=True):
    field: str | None = None


_plain = msgspec.json.Decoder(_PlainEnvelope)
_envelopes = msgspec.json.Decoder(_Envelope)
_entries = msgspec.json.Decoder(_Entry)
_changes = msgspec.json.Decoder(_Change)
_misplaced = msgspec.json.Decoder(_Misplaced)
_arrays = msgspec.json.Decoder(list[msgspec.Raw] | None)
_objects = msgspec.json.Decoder(dict[str, msgspec.Raw])
_times = msgspec.json.Decoder(int | None, strict=False)


def split(body: bytes) -> Iterable[Change | Unreadable | Ignored]:
    """The changes of a body, in its order."""
    return _split_plain(body) or _split_with_care(body)


def _split_plain(body: bytes) -> list[Change] | None:
    """The changes of a body in which nothing is missing or in another's place; in a third of the time."""
    try:
        body.decode()  # the decoder does not look at the letters of parts that it passes on as they are
        envelope = _plain.decode(body)
    except UNREADABLE:
        return None
    found = []
    for entry in envelope.entry:
        waba_id, time = str(entry.id or ""), unix_seconds(entry.time)
        for change in entry.changes:
            if not change.field or change.rejection_info is not NULL:
                return None
            found.append(Change(waba_id, time, change.field, change.value))
    is_plain = envelope.object == WHATSAPP and all(entry.changes for entry in envelope.entry)
    return found if found and is_plain else None


def _split_with_care(body: bytes) -> Iterator[Change | Unreadable | Ignored]:
    try:
        envelope = _open(body)
        entries = array(envelope.entry)
    except UNREADABLE:
        yield Unreadable(body)
        return
    if envelope.object != WHATSAPP:
        yield Ignored("object")
    elif not entries:
        yield Ignored("empty")
    else:
        for entry in entries:
            yield from _split_entry(entry)


def array(raw: msgspec.Raw) -> list[msgspec.Raw]:
    """The members of an array, none for null; raises msgspec.MsgspecError for anything else."""
    return [] if raw is NULL else _arrays.decode(raw) or []


def unix_seconds(raw: msgspec.Raw) -> int | None:
    """A time stamp, which Meta writes as a number or as text; None for what is none."""
    try:
        seconds = _times.decode(raw)
    except UNREADABLE:
        return None
    return seconds if seconds is not None and 0 < seconds <= LATEST_UNIX_SECONDS else None


def _open(body: bytes) -> _Envelope:
    try:
        body.decode()  # as above
        return _envelopes.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Half of an emoji, where a name was cut, must not hold up the thousand parts beside it.
        mended = json.dumps(json.loads(body), ensure_ascii=False).encode(errors="replace")
        return _envelopes.decode(mended)


def _split_entry(raw: msgspec.Raw) -> Iterator[Change | Unreadable | Ignored]:
    try:
        entry = _entries.decode(raw)
        changes = array(entry.changes)
    except UNREADABLE:
        yield Unreadable(_webhook(raw))
        return
    if not changes:
        yield Ignored("empty")
    waba_id, time = str(entry.id or ""), unix_seconds(entry.time)
    for change in changes:
        yield _change(entry, waba_id, time, change)


def _change(entry: _Entry, waba_id: str, time: int | None, raw: msgspec.Raw) -> Change | Unreadable:
    try:
        change = _changes.decode(raw)
        field = change.field or entry.field or _misplaced.decode(change.value).field
        value = _with_rejection(change)
    except UNREADABLE:
        field = None
    if not field:
        return Unreadable(_webhook({"id": waba_id, "time": time, "changes": [raw]}))
    return Change(waba_id, time, field, value)


def _with_rejection(change: _Change) -> msgspec.Raw:
    """The value; one of Meta's pages draws `rejection_info` beside it instead of inside (3.6)."""
    if change.rejection_info is NULL or bytes(change.rejection_info) == bytes(NULL):
        return change.value
    inside = _objects.decode(change.value)
    return msgspec.Raw(msgspec.json.encode({"rejection_info": change.rejection_info, **inside}))


def _webhook(entry: object) -> bytes:
    return msgspec.json.encode({"object": WHATSAPP, "entry": [entry]})
