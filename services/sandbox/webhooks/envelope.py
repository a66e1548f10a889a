"""Turns updates into the bytes of one POST."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from services.sandbox import codes
from services.sandbox.identity import user_id
from services.sandbox.numbers.service import Numbers
from services.sandbox.sends.service import Plan, Send
from services.sandbox.webhooks.schemas import (
    Announcement,
    Change,
    Contact,
    Entry,
    Envelope,
    Error,
    ErrorData,
    Inbound,
    Metadata,
    Pricing,
    Profile,
    Status,
    Value,
)

NAMES = ("Анна Смирнова", "Иван Кузнецов", "Мария Попова", "Олег Волков", "Sheena Nelson", "Айгуль Садыкова")
FREE = Pricing(billable=False, pricing_model="PMP", type="free_customer_service", category="service")
FAILED = "failed"
PEOPLE_LESS = frozenset({"system"})  # types that come without `contacts`

Subject = Send | Inbound | Announcement


class Story:
    """One message and how many of its updates the webhook has still to take.

    `seen` is what a person's phone shows of it, `special` its plan if the POSTs themselves are to be treated
    differently; a story that does not settle is an extra: its message is counted elsewhere.
    """

    __slots__ = ("left", "seen", "settles", "special", "subject")

    def __init__(self, subject: Subject, left: int, seen: Any = None, *, settles: bool = True) -> None:
        self.subject = subject
        self.left = left
        self.seen = seen
        self.settles = settles
        self.special: Plan | None = None
        if not isinstance(subject, Announcement) and (subject.plan.redeliver or subject.plan.forged):
            self.special = subject.plan


class Update:
    """One fact for the webhook; `copy` marks a repetition, which travels in a POST of its own."""

    __slots__ = ("copy", "pricing", "status", "story", "timestamp")

    def __init__(self, story: Story, status: str, timestamp: int, pricing: Pricing | None, *, copy: bool) -> None:
        self.story = story
        self.status = status
        self.timestamp = timestamp
        self.pricing = pricing
        self.copy = copy


def price(send: Send, *, window_open: bool) -> Pricing:
    """What Meta says about the price: templates by their category, replies inside the 24 h window free."""
    if send.type != "template" and window_open:
        return FREE
    category = (send.category or "utility") if send.type == "template" else "service"
    return Pricing(billable=True, pricing_model="PMP", type="regular", category=category)


def error(code: int) -> Error:
    known = codes.code_of(code)
    return Error(code, known.title, known.title, ErrorData(known.details), codes.HREF)


class EnvelopeWriter:
    """Groups updates by account; each fact has a value of its own, so that no contact can be mistaken."""

    def __init__(self, numbers: Numbers, seed: int) -> None:
        self._numbers = numbers
        self._seed = seed
        self._encode = msgspec.json.Encoder().encode

    def write(self, updates: Iterable[Update]) -> bytes:
        entries: dict[str, list[Change]] = {}
        accounts: list[Entry] = []
        for update in updates:
            subject = update.story.subject
            if isinstance(subject, Announcement):
                accounts.append(Entry(subject.waba_id, [Change(subject.value, subject.field)], subject.at))
                continue
            waba_id, value = self._value(update, subject)
            entries.setdefault(waba_id, []).append(Change(value, "messages"))
        accounts += [Entry(waba_id, changes) for waba_id, changes in entries.items()]
        return self._encode(Envelope("whatsapp_business_account", accounts))

    def gather(self, inbounds: Sequence[Inbound], *, per_value: int) -> bytes:
        """One POST of messages to one number, so many of them in each value."""
        number = self._numbers.number(inbounds[0].phone_number_id)
        changes = []
        for first in range(0, len(inbounds), per_value):
            values = [self._inbound(one, number.waba_id) for one in inbounds[first : first + per_value]]
            metadata = Metadata(number.display_phone_number, inbounds[first].phone_number_id)
            contacts = tuple(contact for _, contact in values)
            value = Value(metadata=metadata, contacts=contacts, messages=tuple(message for message, _ in values))
            changes.append(Change(value, "messages"))
        return self._encode(Envelope("whatsapp_business_account", [Entry(number.waba_id, changes)]))

    def _value(self, update: Update, subject: Send | Inbound) -> tuple[str, Value]:
        number = self._numbers.number(subject.phone_number_id)
        metadata = Metadata(number.display_phone_number, subject.phone_number_id)
        if isinstance(subject, Inbound):
            message, contact = self._inbound(subject, number.waba_id)
            contacts = () if subject.type in PEOPLE_LESS else (contact,)
            return number.waba_id, Value(metadata=metadata, contacts=contacts, messages=(message,))
        return number.waba_id, self._status(update, subject, metadata, number.waba_id)

    def _inbound(self, inbound: Inbound, waba_id: str) -> tuple[dict[str, Any], Contact]:
        person, phone = user_id(inbound.phone, waba_id, self._seed), inbound.phone
        shown = None if inbound.bsuid_only else phone
        message: dict[str, Any] = {} if shown is None else {"from": shown}
        message |= {"from_user_id": person, "id": inbound.wamid, "timestamp": str(inbound.at), "type": inbound.type}
        if inbound.type == "text":
            message["text"] = {"body": inbound.text}
        username = f"person_{phone[-4:]}" if inbound.bsuid_only else None
        profile = Profile(NAMES[int(phone or 0) % len(NAMES)], username)
        return message | inbound.content, Contact(shown, person, profile)

    def _status(self, update: Update, send: Send, metadata: Metadata, waba_id: str) -> Value:
        plan, phone = send.plan, send.phone
        failed = update.status == FAILED
        person = plan.bsuid if failed else user_id(phone, waba_id, self._seed)
        shown = None if plan.bsuid else phone
        status = Status(
            id=send.wamid or "",
            status=update.status,
            timestamp=str(update.timestamp),
            recipient_id=shown,
            recipient_user_id=person,
            biz_opaque_callback_data=None if plan.nameless else send.biz_opaque_callback_data,
            pricing=update.pricing,
            errors=(error(plan.fail_code or 131000),) if failed else (),
        )
        contacts = (Contact(shown, person),) if person and not failed else ()
        return Value(metadata=metadata, contacts=contacts, statuses=(status,))
