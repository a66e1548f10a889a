"""Remembers what was sent to whom and when, and what people wrote (hot path)."""

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from services.sandbox.people.bubbles import Bubble, Watched
from services.sandbox.people.schemas import Answered, Burst, Call, Forgery, PersonView, Received, Told, Writing
from services.sandbox.sends.service import Send
from services.sandbox.webhooks.service import WINDOW_SECONDS, Inbound

__all__ = ["Answered", "Bubble", "Burst", "Forgery", "People", "Told", "Watched", "Writing", "iso"]

K = TypeVar("K")
V = TypeVar("V")

PEOPLE_MAX = 20_000  # persons watched; the one not heard of for longest is forgotten first
PHONES_MAX_BYTES = 256 << 20  # of all messages on phones together, roughly; people are forgotten above it too
CALLS_MAX = 50  # calls and messages shown of one person
CONTENT_MAX_BYTES = 16 << 10  # of a request whose content is kept for the phone's page
CONTACTS_MAX = 500_000  # persons whose last business number is known
WINDOWS_MAX = 500_000  # open windows
WRITTEN_MAX = 50_000  # messages of people that can still be marked as read
BUBBLE_BYTES = 600  # what one message takes beside its text


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Person:
    __slots__ = ("calls", "most", "now", "received", "weight", "written")

    def __init__(self) -> None:
        self.calls: list[Watched] = []
        self.received: list[Bubble] = []
        self.written: list[Bubble] = []
        self.weight = 0
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def enter(self, number: str) -> None:
        for key in ("", number):  # "" counts over all numbers
            self.now[key] += 1
            self.most[key] = max(self.most[key], self.now[key])

    def leave(self, number: str) -> None:
        for key in ("", number):
            self.now[key] -= 1


class People:
    def __init__(self) -> None:
        self._people: OrderedDict[str, Person] = OrderedDict()
        self._weight = 0
        self._last_number: OrderedDict[str, str] = OrderedDict()
        self._windows: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._written: OrderedDict[str, tuple[str, Bubble]] = OrderedDict()

    def met(self, phone: str, phone_number_id: str) -> None:
        """Remember which number wrote to that person last."""
        _put(self._last_number, phone, phone_number_id, CONTACTS_MAX)

    def last_number(self, phone: str) -> str | None:
        return self._last_number.get(phone)

    def wrote(self, inbound: Inbound) -> None:
        """That person's window with this number is open from now on."""
        _put(self._windows, (inbound.phone, inbound.phone_number_id), float(inbound.at), WINDOWS_MAX)
        self.met(inbound.phone, inbound.phone_number_id)

    def window_open(self, phone: str, phone_number_id: str, now: float) -> bool:
        return self._windows.get((phone, phone_number_id), 0.0) > now - WINDOW_SECONDS

    @contextmanager
    def calling(self, send: Send, phone: str, text: str, started: float) -> Iterator[None]:
        """Watch one call from its first byte to its answer."""
        person = self._person(phone)
        call = Watched(send, text, started)
        _keep(person.calls, call)
        person.enter(send.phone_number_id)
        try:
            yield
        finally:
            person.leave(send.phone_number_id)
            call.ended = time.time()

    def deliver(self, send: Send, phone: str, text: str, at: float, request: bytes) -> Bubble:
        """The message appears on the person's phone; `request` is its JSON, kept unless it is large."""
        self.met(phone, send.phone_number_id)
        bubble = Bubble(send.wamid or "", send.phone_number_id, send.type, text, at)
        size = len(request)
        if send.type != "text" and size <= CONTENT_MAX_BYTES:
            bubble.kept = request
        person = self._person(phone)
        self._weigh(person, person.received, bubble, size)
        return bubble

    def show_written(self, inbound: Inbound) -> None:
        """What the person wrote appears on their phone."""
        bubble = Bubble(inbound.wamid, inbound.phone_number_id, inbound.type, inbound.text, time.time())
        bubble.is_own, bubble.status = True, "sent"
        bubble.kept = inbound.content.get(inbound.type)
        bubble.context = (inbound.content.get("context") or {}).get("id")
        person = self._person(inbound.phone)
        self._weigh(person, person.written, bubble, len(str(bubble.kept)) if bubble.kept else 0)
        _put(self._written, inbound.wamid, (inbound.phone, bubble), WRITTEN_MAX)

    def marked_read(self, wamid: str) -> None:
        """The business marked what a person wrote as read, and so what they wrote before."""
        phone, last = self._written.get(wamid, ("", None))
        if last is None or phone not in self._people:
            return
        for bubble in self._people[phone].written:
            if bubble.phone_number_id == last.phone_number_id and bubble.at <= last.at:
                bubble.reached("read")

    def bubbles(self, phone: str, phone_number_id: str | None = None) -> list[Bubble]:
        """What the phone shows, oldest first; all numbers, or one."""
        person = self._people.get(phone) or Person()
        found = [one for one in person.received + person.written if phone_number_id in (None, one.phone_number_id)]
        return sorted(found, key=lambda one: one.at)

    def phones(self, most: int) -> Iterator[tuple[str, Bubble | None]]:
        """The people heard of last, newest first, with the last message of each."""
        for phone in list(reversed(self._people))[:most]:
            yield phone, next(iter(self.bubbles(phone)[-1:]), None)

    def show(self, phone: str) -> PersonView:
        person = self._people.get(phone) or Person()
        most = dict(person.most)
        return PersonView(
            phone=phone,
            max_concurrent=most.pop("", 0),
            max_concurrent_by_number=most,
            sends=[_call(watched) for watched in person.calls],
            inbox=[_received(bubble) for bubble in person.received],
        )

    def _person(self, phone: str) -> Person:
        person = self._people.get(phone)
        if person is None:
            person = Person()
        self._people[phone] = person
        self._people.move_to_end(phone)
        while len(self._people) > PEOPLE_MAX or (self._weight > PHONES_MAX_BYTES and len(self._people) > 1):
            self._weight -= self._people.popitem(last=False)[1].weight
        return person

    def _weigh(self, person: Person, bubbles: list[Bubble], bubble: Bubble, content_bytes: int) -> None:
        bubble.weight = BUBBLE_BYTES + len(bubble.text) + content_bytes
        bubbles.append(bubble)
        change = bubble.weight - (bubbles.pop(0).weight if len(bubbles) > CALLS_MAX else 0)
        person.weight += change
        self._weight += change


def _put(entries: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > limit:
        entries.popitem(last=False)


def _keep(calls: list[Watched], call: Watched) -> None:
    calls.append(call)
    if len(calls) > CALLS_MAX:
        del calls[0]


def _call(watched: Watched) -> Call:
    send = watched.send
    return Call(
        n=send.n,
        phone_number_id=send.phone_number_id,
        type=send.type,
        text=watched.text,
        outcome=send.outcome,
        wamid=send.wamid,
        biz_opaque_callback_data=send.biz_opaque_callback_data,
        started_at=iso(watched.started),
        ended_at=iso(watched.ended) if watched.ended else None,
    )


def _received(bubble: Bubble) -> Received:
    return Received(
        wamid=bubble.wamid,
        phone_number_id=bubble.phone_number_id,
        type=bubble.type,
        text=bubble.text,
        at=iso(bubble.at),
        status=bubble.status,
        content=bubble.content,
    )
