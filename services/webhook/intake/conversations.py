"""Reads the fields that speak of a number and its people, each message or status alone (hot path)."""

from collections import defaultdict
from collections.abc import Callable, Iterator

import msgspec

from services.kernel.tenants import TenantDirectory
from services.webhook.inbound import service as inbound
from services.webhook.parts.service import NULL, UNREADABLE, Change, Facts, Held, Ignored, Outcome, Reason, array
from services.webhook.people.service import AddressBook, address_book
from services.webhook.platform import service as platform
from services.webhook.routing.service import PartTooLarge, Subject, owner_of
from services.webhook.signatures.service import SignedFor
from services.webhook.statuses import service as statuses


class _Metadata(msgspec.Struct, frozen=True):
    phone_number_id: str


class Value(msgspec.Struct, frozen=True):
    """The value of such a field (3.4, 3.5, 3.7); its parts are read one by one."""

    metadata: msgspec.Raw = NULL
    contacts: msgspec.Raw = NULL
    messages: msgspec.Raw = NULL
    statuses: msgspec.Raw = NULL
    errors: msgspec.Raw = NULL
    user_preferences: msgspec.Raw = NULL
    user_id_update: msgspec.Raw = NULL


class Part(msgspec.Struct, frozen=True, gc=False):
    """A member of one of the value's arrays; `is_whole` is False for an array that is none."""

    array: str
    raw: msgspec.Raw
    is_whole: bool = True


class Reading(msgspec.Struct, frozen=True):
    """How many parts arrived, and what becomes of them."""

    arrived: int
    outcomes: Iterator[Outcome]


ARRAYS = {
    "messages": ("statuses", "messages", "errors"),
    "user_preferences": ("user_preferences",),
    "user_id_update": ("user_id_update",),
}
FIELDS = frozenset(ARRAYS)

_values = msgspec.json.Decoder(Value)
_metadata = msgspec.json.Decoder(_Metadata)


def read(directory: TenantDirectory, change: Change, signed_for: SignedFor) -> Reading:
    """The parts of a change whose field is one of FIELDS."""
    try:
        value = _values.decode(change.value)
    except UNREADABLE:
        return Reading(1, iter([Held("malformed", None, change.waba_id, change.as_webhook())]))
    parts = [part for name in ARRAYS[change.field] for part in _members(name, getattr(value, name))]
    if not parts:
        return Reading(1, iter([Ignored("empty")]))
    return Reading(len(parts), _judge(directory, change, value, parts, signed_for))


def _members(name: str, raw: msgspec.Raw) -> list[Part]:
    if raw is NULL:
        return []
    try:
        return [Part(name, member) for member in array(raw)]
    except UNREADABLE:
        return [Part(name, raw, is_whole=False)]


def _judge(
    directory: TenantDirectory, change: Change, value: Value, parts: list[Part], signed_for: SignedFor
) -> Iterator[Outcome]:
    number_id = _number_of(value)
    owner = owner_of(directory, number_id) if number_id is not None else None
    if owner is not None and owner.mode in signed_for:
        yield from _read_parts(_Reader(Subject(owner, change, value.metadata), value), parts)
        return
    reason: Reason = "wrong_signer" if owner else "unknown_number" if number_id is not None else "malformed"
    yield Held(reason, number_id, change.waba_id, change.as_webhook(), len(parts))


def _number_of(value: Value) -> str | None:
    try:
        return _metadata.decode(value.metadata).phone_number_id
    except UNREADABLE:
        return None


def _read_parts(reader: "_Reader", parts: list[Part]) -> Iterator[Outcome]:
    """What becomes of each part; those that cannot be read are held together, by reason."""
    bad: dict[Reason, list[Part]] = defaultdict(list)
    for part in parts:
        try:
            yield reader.read(part)
        except PartTooLarge:
            bad["too_large"].append(part)
        except UNREADABLE:
            bad["malformed"].append(part)
    for reason, held in bad.items():
        yield reader.held(reason, held)


class _Reader:
    """Reads the parts of one value."""

    def __init__(self, subject: Subject, value: Value) -> None:
        self._subject = subject
        self._value = value
        self._people: AddressBook | None = None

    @property
    def people(self) -> AddressBook:
        if self._people is None:
            self._people = address_book(_contacts(self._value.contacts))
        return self._people

    def read(self, part: Part) -> Facts | Ignored:
        """Raises one of UNREADABLE, PartTooLarge among them."""
        if not part.is_whole:
            raise ValueError(f"{part.array} is no array")
        return _READ[part.array](self, part.raw)

    def held(self, reason: Reason, parts: list[Part]) -> Held:
        """The parts as a webhook with the same metadata and contacts."""
        value: dict[str, object] = {
            "messaging_product": "whatsapp",
            "metadata": self._value.metadata,
            "contacts": self._value.contacts,
        }
        for part in parts:
            if part.is_whole:
                members = value.setdefault(part.array, [])
                assert isinstance(members, list)
                members.append(part.raw)
            else:
                value[part.array] = part.raw
        change, number_id = self._subject.change, self._subject.owner.phone_number_id
        return Held(reason, number_id, change.waba_id, change.as_webhook(value), len(parts))

    def status(self, raw: msgspec.Raw) -> Facts | Ignored:
        report = statuses.read(raw)
        reason = statuses.ignored_reason(report)
        if reason:
            return Ignored(reason)
        return Facts([statuses.reported(self._subject.owner, report, raw, self.people)])

    def message(self, raw: msgspec.Raw) -> Facts | Ignored:
        return inbound.received(self._subject, raw, self.people)

    def error(self, raw: msgspec.Raw) -> Facts | Ignored:
        return platform.error_reported(self._subject, raw, beside=self._beside())

    def preference(self, raw: msgspec.Raw) -> Facts | Ignored:
        return platform.preference_changed(self._subject, raw, self.people)

    def renaming(self, raw: msgspec.Raw) -> Facts | Ignored:
        return platform.renamed(self._subject, raw, self.people)

    def _beside(self) -> bytes:
        """What tells an error that came with a message from the same error without: the messages' own bytes."""
        beside = bytes(self._value.messages) + bytes(self._value.statuses)
        return b"" if beside == bytes(NULL) * 2 else beside


_READ: dict[str, Callable[[_Reader, msgspec.Raw], Facts | Ignored]] = {
    "statuses": _Reader.status,
    "messages": _Reader.message,
    "errors": _Reader.error,
    "user_preferences": _Reader.preference,
    "user_id_update": _Reader.renaming,
}


def _contacts(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return array(raw)
    except UNREADABLE:
        return []
