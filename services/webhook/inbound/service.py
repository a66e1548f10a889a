"""Turns one of Meta's message objects into the fact that a person wrote, with the content sealed (hot path)."""

import re
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from services.kernel import crypto
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.inbound import InboundReceived, Signal, inbound_id_of
from services.kernel.crypto.places import inbound_content, inbound_wamid
from services.webhook.parts.service import LATEST_UNIX_SECONDS, NULL, Facts, Ignored
from services.webhook.people.service import AddressBook, Contact, person_of
from services.webhook.platform import service as platform
from services.webhook.routing.service import Owner, Subject, fit
from services.webhook.signals import service as signals

NUMBER_CHANGES, USER_ID_CHANGE = frozenset({"user_changed_number", "customer_changed_number"}), "user_changed_user_id"
KIND = re.compile(r"[a-z_]{1,40}")

UnixSeconds = Annotated[int, msgspec.Meta(ge=0, le=LATEST_UNIX_SECONDS)]


class Text(msgspec.Struct, frozen=True):
    body: str = ""


class Button(msgspec.Struct, frozen=True):
    text: str = ""


class Reply(msgspec.Struct, frozen=True):
    title: str = ""


class Interactive(msgspec.Struct, frozen=True):
    button_reply: Reply | None = None
    list_reply: Reply | None = None


class Edited(msgspec.Struct, frozen=True):
    text: Text | None = None


class Edit(msgspec.Struct, frozen=True):
    message: Edited | None = None


class System(msgspec.Struct, frozen=True):
    """A notice about the person; `new_wa_id` is the older name of `wa_id`."""

    type: str = ""
    wa_id: str | None = None
    new_wa_id: str | None = None
    user_id: str | None = None


class Message(msgspec.Struct, frozen=True):
    """The fields of `messages[]` that we look at (whatsapp-cloud-api 3.4); either sender may be missing."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    timestamp: UnixSeconds
    type: str = "unknown"
    sender: str | None = msgspec.field(name="from", default=None)
    from_user_id: str | None = None
    group_id: str | None = None
    text: Text | None = None
    button: Button | None = None
    interactive: Interactive | None = None
    edit: Edit | None = None
    system: System | None = None
    referral: msgspec.Raw = NULL

    def __repr__(self) -> str:
        return f"Message(type={self.type!r})"


_messages = msgspec.json.Decoder(Message, strict=False)


def received(subject: Subject, raw: msgspec.Raw, people: AddressBook) -> Facts | Ignored:
    """The fact of one message: who (a keyed index), of which kind, which signals; what was said only the tenant opens.

    Groups are not served: what is said in one is no conversation of that person with the number. Raises
    msgspec.ValidationError for an object that is no message, PersonUnknown for one that nobody sent, PartTooLarge for
    one that no record carries.
    """
    message = _messages.decode(raw)
    if message.group_id:
        return Ignored("message_group")
    contact, raw_contact = people.contact_of(message.sender, message.from_user_id)
    content = fit(msgspec.json.encode({"message": raw, "contact": raw_contact}))
    fact = _fact(subject.owner, message, contact, content)
    renamed = _renamed(subject, raw, message, fact) if message.system else None
    return Facts([renamed, fact] if renamed else [fact])


def _fact(owner: Owner, message: Message, contact: Contact, content: bytes) -> InboundReceived:
    tenant_id = owner.tenant.tenant_id
    wamid_index = crypto.blind_index(owner.index_key, "wamid", message.id)
    inbound_id = inbound_id_of(tenant_id, wamid_index)
    name = str(inbound_id)
    person = person_of(
        owner.index_key,
        wa_ids=(message.sender, contact.wa_id),
        user_ids=(message.from_user_id, contact.user_id),
    )
    bsuid = message.from_user_id or contact.user_id
    bsuid_index = crypto.blind_index(owner.index_key, "bsuid", bsuid) if bsuid else None
    return InboundReceived(
        id=event_id(inbound_id, "received"),
        occurred_at=datetime.fromtimestamp(message.timestamp, UTC),
        tenant_id=tenant_id,
        inbound_id=inbound_id,
        phone_number_id=owner.phone_number_id,
        person=person,
        bsuid=bsuid_index if bsuid_index != person else None,
        kind=message.type if KIND.fullmatch(message.type) else "unknown",
        signals=(*signals_of(owner, message), *_entry_of(message)),
        wamid_index=wamid_index,
        wamid=crypto.seal(owner.data_key, inbound_wamid(tenant_id, name), message.id.encode()),
        content=crypto.seal_to(owner.tenant.public_key, inbound_content(name), content),
    )


def signals_of(owner: Owner, message: Message) -> tuple[Signal, ...]:
    """What the words say, by everybody's lists and the tenant's own.

    Who edits a message into STOP means it; a consent is not given by editing an old message.
    """
    words = signals.vocabulary(owner.tenant.stop_words, owner.tenant.start_words)
    if message.text:
        return signals.of_text(message.text.body, words)
    if message.edit and message.edit.message and message.edit.message.text:
        found = signals.of_text(message.edit.message.text.body, words)
        return tuple(signal for signal in found if signal != "start")
    title = _title_of(message)
    return signals.of_button(title, words) if title else ()


def _entry_of(message: Message) -> tuple[Signal, ...]:
    """Whether the person came from an ad or a page's button (3.4): what it says is for the tenant alone."""
    return ("ad_referral",) if bytes(message.referral).startswith(b"{") else ()


def _title_of(message: Message) -> str:
    if message.button:
        return message.button.text
    reply = message.interactive and (message.interactive.button_reply or message.interactive.list_reply)
    return reply.title if reply else ""


def _renamed(subject: Subject, raw: msgspec.Raw, message: Message, fact: InboundReceived) -> Event | None:
    """What a notice about a new number or BSUID means; one that does not name both is only a notice."""
    system = message.system or System()
    wa_id, previous, current = message.sender, message.from_user_id or message.sender, system.user_id
    if system.type in NUMBER_CHANGES:
        wa_id = current = system.wa_id or system.new_wa_id
        previous = message.sender
    elif system.type != USER_ID_CHANGE:
        return None
    if not previous or not current or previous == current:
        return None
    notice = platform.Notice(previous, current, wa_id, fact.inbound_id, fact.occurred_at)
    return platform.renamed_by_notice(subject, raw, notice)
