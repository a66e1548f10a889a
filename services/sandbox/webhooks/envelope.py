"""Turns updates into the bytes of one POST."""

from collections.abc import Iterable

import msgspec

from services.sandbox import codes
from services.sandbox.identity import digits, user_id
from services.sandbox.numbers.service import Numbers
from services.sandbox.sends.service import Send
from services.sandbox.webhooks.schemas import (
    Change,
    Contact,
    Entry,
    Envelope,
    Error,
    ErrorData,
    Inbound,
    Message,
    Metadata,
    Pricing,
    Profile,
    Status,
    Text,
    Value,
)

NAMES = ("Анна Смирнова", "Иван Кузнецов", "Мария Попова", "Олег Волков", "Sheena Nelson", "Айгуль Садыкова")
FREE = Pricing(billable=False, pricing_model="PMP", type="free_customer_service", category="service")
FAILED = "failed"


class Story:
    """One message and how many of its updates the webhook has still to take."""

    __slots__ = ("left", "subject")

    def __init__(self, subject: Send | Inbound, left: int) -> None:
        self.subject = subject
        self.left = left


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
        for update in updates:
            waba_id, value = self._value(update)
            entries.setdefault(waba_id, []).append(Change(value, "messages"))
        accounts = [Entry(waba_id, changes) for waba_id, changes in entries.items()]
        return self._encode(Envelope("whatsapp_business_account", accounts))

    def _value(self, update: Update) -> tuple[str, Value]:
        subject = update.story.subject
        number = self._numbers.number(subject.phone_number_id)
        metadata = Metadata(number.display_phone_number, subject.phone_number_id)
        if isinstance(subject, Inbound):
            return number.waba_id, self._inbound(subject, metadata, number.waba_id)
        return number.waba_id, self._status(update, subject, metadata, number.waba_id)

    def _inbound(self, inbound: Inbound, metadata: Metadata, waba_id: str) -> Value:
        person = user_id(inbound.phone, waba_id, self._seed)
        message = Message(inbound.phone, person, inbound.wamid, str(inbound.at), "text", Text(inbound.text))
        profile = Profile(NAMES[int(inbound.phone or 0) % len(NAMES)])
        return Value(metadata=metadata, contacts=(Contact(inbound.phone, person, profile),), messages=(message,))

    def _status(self, update: Update, send: Send, metadata: Metadata, waba_id: str) -> Value:
        phone = digits(send.to)
        failed = update.status == FAILED
        person = None if failed else user_id(phone, waba_id, self._seed)
        status = Status(
            id=send.wamid or "",
            status=update.status,
            timestamp=str(update.timestamp),
            recipient_id=phone,
            recipient_user_id=person,
            biz_opaque_callback_data=send.biz_opaque_callback_data,
            pricing=update.pricing,
            errors=(error(send.plan.fail_code or 131000),) if failed else (),
        )
        contacts = (Contact(phone, person),) if person else ()
        return Value(metadata=metadata, contacts=contacts, statuses=(status,))
