"""Turns the identities that Meta names into keyed indexes: of the phone number where it is known, else of the BSUID."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from services.kernel import crypto
from services.kernel.contracts.platform import Alias
from services.kernel.phones import normalise_phone

BSUID = re.compile(r"[A-Z]{2}\.")
NOT_A_DIGIT = re.compile(r"[^0-9]")


class PersonUnknown(ValueError):
    """A part names nobody: neither a phone number nor a BSUID."""


class Contact(msgspec.Struct, frozen=True):
    wa_id: str | None = None
    user_id: str | None = None

    def __repr__(self) -> str:
        return "Contact()"


class Known(NamedTuple):
    """A contact as we read it, and in Meta's own bytes."""

    contact: Contact
    raw: msgspec.Raw


UNKNOWN = Known(Contact(), msgspec.Raw(b"null"))

_contacts = msgspec.json.Decoder(Contact, strict=False)


class AddressBook(NamedTuple):
    """The `contacts[]` that stand beside messages; either identity of either may be missing (3.4)."""

    by_identity: Mapping[str, Known]
    only: Known

    def __repr__(self) -> str:
        return f"AddressBook({len(self.by_identity)})"

    def contact_of(self, wa_id: str | None, user_id: str | None) -> Known:
        """The contact that a part is from: by either identity, else the only one, unless it is somebody else."""
        for identity in (wa_id, user_id):
            if identity and identity in self.by_identity:
                return self.by_identity[identity]
        other = self.only.contact
        is_somebody_else = (other.wa_id and wa_id) or (other.user_id and user_id)
        return UNKNOWN if is_somebody_else else self.only


NOBODY = AddressBook({}, UNKNOWN)


def address_book(raw_contacts: Sequence[msgspec.Raw]) -> AddressBook:
    """The contacts of one value, by every identity they have; one that cannot be read is nobody's."""
    if not raw_contacts:
        return NOBODY
    known = _readable(raw_contacts)
    by_identity: dict[str, Known] = {}
    for one in known:
        if one.contact.wa_id is not None:
            by_identity[one.contact.wa_id] = one
        if one.contact.user_id is not None:
            by_identity[one.contact.user_id] = one
    return AddressBook(by_identity, known[0] if len(known) == len(raw_contacts) == 1 else UNKNOWN)


def person_of(index_key: bytes, *, wa_ids: Iterable[str | None], user_ids: Iterable[str | None]) -> str:
    """The index of the person by the first phone number among `wa_ids`, else by the first BSUID; raises PersonUnknown.

    Meta also writes BSUIDs where a phone number belongs.
    """
    numbers = [wa_id for wa_id in wa_ids if wa_id]
    for number in numbers:
        if not BSUID.match(number) and (digits := NOT_A_DIGIT.sub("", number)):
            return crypto.blind_index(index_key, "phone", phone_of(digits))
    for bsuid in (*user_ids, *numbers):
        if bsuid:
            return crypto.blind_index(index_key, "bsuid", bsuid)
    raise PersonUnknown("the part has neither a phone number nor a BSUID")


def alias_of(index_key: bytes, identity: str) -> Alias:
    """One identity as an index; raises PersonUnknown for text without a digit."""
    if BSUID.match(identity):
        return Alias(kind="bsuid", index=crypto.blind_index(index_key, "bsuid", identity))
    return Alias(kind="phone", index=person_of(index_key, wa_ids=(identity,), user_ids=()))


def phone_of(digits: str) -> str:
    """E.164; a number that the numbering plans do not know is taken as Meta wrote it, for it has just written to us."""
    try:
        return normalise_phone(f"+{digits}")
    except ValueError:
        return f"+{digits}"


def _readable(raw_contacts: Sequence[msgspec.Raw]) -> list[Known]:
    known = []
    for raw in raw_contacts:
        try:
            known.append(Known(_contacts.decode(raw), raw))
        except msgspec.MsgspecError:
            continue  # whoever it is, a message names its sender itself as a rule
    return known
