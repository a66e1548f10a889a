"""Remembers what was sent to whom and when, and lets people write."""

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

from services.kernel.errors import Conflict
from services.sandbox.identity import digits, inbound_wamid
from services.sandbox.people.schemas import Call, PersonView, Received
from services.sandbox.sends.service import Send
from services.sandbox.webhooks.service import WINDOW_SECONDS, Inbound, Webhooks

K = TypeVar("K")
V = TypeVar("V")

PEOPLE_MAX = 20_000  # persons watched; the one not heard of for longest is forgotten first
CALLS_MAX = 50  # calls and messages shown of one person
CONTACTS_MAX = 500_000  # persons whose last business number is known
WINDOWS_MAX = 500_000  # open windows


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Watched:
    """One call, kept small; it becomes a `Call` when somebody looks."""

    __slots__ = ("ended", "send", "started", "text")

    def __init__(self, send: Send, text: str, started: float) -> None:
        self.send = send
        self.text = text
        self.started = started
        self.ended = 0.0


class Person:
    __slots__ = ("calls", "most", "now", "received")

    def __init__(self) -> None:
        self.calls: list[Watched] = []
        self.received: list[Watched] = []
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
        self._last_number: OrderedDict[str, str] = OrderedDict()
        self._windows: OrderedDict[tuple[str, str], float] = OrderedDict()

    def met(self, phone: str, phone_number_id: str) -> None:
        """Remember which number wrote to that person last."""
        _put(self._last_number, phone, phone_number_id, CONTACTS_MAX)

    def wrote(self, inbound: Inbound) -> None:
        """That person's window with this number is open from now on."""
        _put(self._windows, (inbound.phone, inbound.phone_number_id), float(inbound.at), WINDOWS_MAX)

    def window_open(self, phone: str, phone_number_id: str, now: float) -> bool:
        return self._windows.get((phone, phone_number_id), 0.0) > now - WINDOW_SECONDS

    @contextmanager
    def calling(self, send: Send, text: str, started: float) -> Iterator[None]:
        """Watch one call from its first byte to its answer."""
        person = self._person(digits(send.to))
        call = Watched(send, text, started)
        _keep(person.calls, call)
        person.enter(send.phone_number_id)
        try:
            yield
        finally:
            person.leave(send.phone_number_id)
            call.ended = time.time()

    def deliver(self, send: Send, text: str, at: float) -> None:
        phone = digits(send.to)
        self.met(phone, send.phone_number_id)
        _keep(self._person(phone).received, Watched(send, text, at))

    async def write(self, webhooks: Webhooks, *, phone: str, text: str, phone_number_id: str | None = None) -> str:
        """Let a person write; returns the message's wamid when it is on the disk and on its way."""
        number = phone_number_id or self._last_number.get(phone)
        if number is None:
            raise Conflict("nobody has written to this person yet; say to whom they write with phone_number_id")
        inbound = Inbound(inbound_wamid(phone), phone, number, text, int(time.time()))
        self.wrote(inbound)
        await webhooks.tell(inbound)
        return inbound.wamid

    def show(self, phone: str) -> PersonView:
        person = self._people.get(phone) or Person()
        most = dict(person.most)
        return PersonView(
            phone=phone,
            max_concurrent=most.pop("", 0),
            max_concurrent_by_number=most,
            sends=[_call(watched) for watched in person.calls],
            inbox=[_received(watched) for watched in person.received],
        )

    def _person(self, phone: str) -> Person:
        person = self._people.get(phone)
        if person is None:
            person = Person()
        _put(self._people, phone, person, PEOPLE_MAX)
        return person


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


def _received(watched: Watched) -> Received:
    send = watched.send
    return Received(
        wamid=send.wamid or "",
        phone_number_id=send.phone_number_id,
        type=send.type,
        text=watched.text,
        at=iso(watched.started),
    )
