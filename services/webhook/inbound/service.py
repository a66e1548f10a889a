"""Turns one of Meta's message objects into the fact that a person wrote, with the content sealed (hot path)."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec

from services.kernel import crypto
from services.kernel.contracts import event_id
from services.kernel.contracts.inbound import InboundReceived, Signal
from services.webhook.routing.service import Owner, fit
from services.webhook.signals import service as signals

BSUID = re.compile(r"[A-Z]{2}\.")
KIND = re.compile(r"[a-z_]{1,40}")
NOT_A_DIGIT = re.compile(r"[^0-9]")
YEAR_2100 = 4_102_444_800

UnixSeconds = Annotated[int, msgspec.Meta(ge=0, le=YEAR_2100)]


class SenderUnknown(ValueError):
    """A message names nobody: neither a phone number nor a BSUID."""


class Text(msgspec.Struct, frozen=True):
    body: str = ""


class Button(msgspec.Struct, frozen=True):
    text: str = ""


class Reply(msgspec.Struct, frozen=True):
    title: str = ""


class Interactive(msgspec.Struct, frozen=True):
    button_reply: Reply | None = None
    list_reply: Reply | None = None


class Message(msgspec.Struct, frozen=True):
    """The fields of `messages[]` that we look at (whatsapp-cloud-api 3.4); either sender may be missing."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    timestamp: UnixSeconds
    type: str = "unknown"
    sender: str | None = msgspec.field(name="from", default=None)
    from_user_id: str | None = None
    text: Text | None = None
    button: Button | None = None
    interactive: Interactive | None = None


class Contact(msgspec.Struct, frozen=True):
    wa_id: str | None = None
    user_id: str | None = None


class Known(NamedTuple):
    """A contact as we read it, and in Meta's own bytes."""

    contact: Contact
    raw: msgspec.Raw


class AddressBook(NamedTuple):
    """The `contacts[]` that stand beside messages."""

    by_identity: Mapping[str, Known]
    only: Known

    def contact_of(self, message: Message) -> Known:
        """The contact that the message is from: by either identity, else the only one, unless it is somebody else."""
        for identity in (message.sender, message.from_user_id):
            if identity and identity in self.by_identity:
                return self.by_identity[identity]
        other = self.only.contact
        is_somebody_else = (other.wa_id and message.sender) or (other.user_id and message.from_user_id)
        return UNKNOWN if is_somebody_else else self.only


UNKNOWN = Known(Contact(), msgspec.Raw(b"null"))
NOBODY_KNOWN = AddressBook({}, UNKNOWN)

_messages = msgspec.json.Decoder(Message, strict=False)
_contacts = msgspec.json.Decoder(Contact, strict=False)


def received(owner: Owner, raw: msgspec.Raw, people: AddressBook) -> InboundReceived:
    """The fact of one message: who (a keyed index), of which kind, which signals; what was said only the tenant opens.

    Raises msgspec.ValidationError for an object that is no message, SenderUnknown for one that nobody sent,
    PartTooLarge for one that no record carries.
    """
    message = _messages.decode(raw)
    contact, raw_contact = people.contact_of(message)
    tenant_id = owner.tenant.tenant_id
    wamid_index = crypto.blind_index(owner.index_key, "wamid", message.id)
    inbound_id = event_id(tenant_id, f"inbound:{wamid_index}")
    content = fit(msgspec.json.encode({"message": raw, "contact": raw_contact}))
    return InboundReceived(
        id=event_id(inbound_id, "received"),
        occurred_at=datetime.fromtimestamp(message.timestamp, UTC),
        tenant_id=tenant_id,
        inbound_id=inbound_id,
        phone_number_id=owner.phone_number_id,
        person=person_of(owner.index_key, message, contact),
        kind=message.type if KIND.fullmatch(message.type) else "unknown",
        signals=signals_of(owner, message),
        wamid_index=wamid_index,
        content=crypto.seal_to(owner.tenant.public_key, f"inbound:{inbound_id}", content),
    )


def address_book(raw_contacts: Sequence[msgspec.Raw]) -> AddressBook:
    """The contacts of one value, by every identity they have; raises msgspec.ValidationError."""
    known = [Known(_contacts.decode(raw), raw) for raw in raw_contacts]
    by_identity = {
        identity: one for one in known for identity in (one.contact.wa_id, one.contact.user_id) if identity is not None
    }
    return AddressBook(by_identity, known[0] if len(known) == 1 else UNKNOWN)


def person_of(index_key: bytes, message: Message, contact: Contact) -> str:
    """The blind index of the person: of the phone number where Meta names it, else of the BSUID."""
    for identity in (message.sender, contact.wa_id):
        if identity and not BSUID.match(identity) and (digits := NOT_A_DIGIT.sub("", identity)):
            return crypto.blind_index(index_key, "phone", phone_of(digits))
    for identity in (message.from_user_id, contact.user_id, message.sender, contact.wa_id):
        if identity:
            return crypto.blind_index(index_key, "bsuid", identity)
    raise SenderUnknown("the message has neither a phone number nor a BSUID")


def phone_of(digits: str) -> str:
    """E.164; a number that the numbering plans do not know is taken as Meta wrote it, for it has just written to us."""
    try:
        return crypto.normalise_phone(f"+{digits}")
    except ValueError:
        return f"+{digits}"


def signals_of(owner: Owner, message: Message) -> tuple[Signal, ...]:
    """What the words say, by everybody's lists and the tenant's own."""
    words = signals.vocabulary(owner.tenant.stop_words, owner.tenant.start_words)
    if message.text:
        return signals.of_text(message.text.body, words)
    title = _title_of(message)
    return signals.of_button(title, words) if title else ()


def _title_of(message: Message) -> str:
    if message.button:
        return message.button.text
    reply = message.interactive and (message.interactive.button_reply or message.interactive.list_reply)
    return reply.title if reply else ""
