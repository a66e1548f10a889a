"""The process that sends: an open loop, where latency counts from the moment a message was meant to be sent (hot path).

Counting from the real sending would hide every pause of the system behind a generator that politely waited.
"""

import asyncio
import time
from array import array
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple
from urllib.parse import urlsplit

import uvloop

from tests.bench import children
from tests.bench.connections import CONNECTIONS_MAX, Answer, Pool
from tests.bench.population import LANGUAGE, REPLY, TEMPLATE, Intent, Shop, traffic
from tests.bench.schedule import Schedule

GRAPH_VERSION = "v23.0"
ANSWERS_SECONDS = 30.0  # how long answers are waited for after the last message
PAUSE_SECONDS_MIN = 0.004  # what is due meanwhile is late by this at most: waking for each costs more than sending it
UNAVAILABLE = 503
KEY = b"Idempotency-Key: bench-%d\r\n"
ID_BEFORE, ID_CHARACTERS = b'"messages":[{"id":"', 36

TEMPLATE_BODY = (
    '{"messaging_product":"whatsapp","recipient_type":"individual","to":"%s","type":"template","template":{"name":"'
    + TEMPLATE
    + '","language":{"code":"'
    + LANGUAGE
    + '"},"components":[{"type":"body","parameters":[{"type":"text","text":"Анна Сергеевна"}]}]}}'
)
REPLY_BODY = (
    '{"messaging_product":"whatsapp","recipient_type":"individual","to":"%s","type":"text","text":{"body":"'
    + REPLY
    + '"}}'
)


@dataclass
class Sent:
    """What the generator saw: one row for each message that was answered 200, and counts of the rest."""

    ids: list[str] = field(default_factory=list)
    shops: "array[int]" = field(default_factory=lambda: array("H"))  # whose message it is
    offsets: "array[float]" = field(default_factory=lambda: array("d"))  # intended, seconds after the start
    seconds: "array[float]" = field(default_factory=lambda: array("d"))  # from the intention to the answer
    answered_at: "array[float]" = field(default_factory=lambda: array("d"))  # Unix seconds
    lateness: "array[float]" = field(default_factory=lambda: array("d"))  # how late the generator itself was
    answers: Counter[str] = field(default_factory=Counter)  # by status; "broken" and "unanswered"
    refused: Counter[tuple[int, str]] = field(
        default_factory=Counter
    )  # second in which it was meant to be sent, status
    without_retry_after: int = 0  # of those answered 503


class Order(NamedTuple):
    """What the process is to do."""

    gateway: str
    shops: list[Shop]
    keys: list[str]
    schedule: Schedule
    keyed_every: int = 0  # each so many messages have an idempotency key; 0: none
    connections_max: int = CONNECTIONS_MAX


class Generator:
    """Sends a schedule through one pool."""

    def __init__(self, order: Order, accepted: children.Counter) -> None:
        address = urlsplit(order.gateway)
        assert address.hostname is not None
        assert address.port is not None
        self._pool = Pool(address.hostname, address.port, self._answered, order.connections_max)
        self._heads = _heads(address.netloc, order.shops, order.keys)
        self._traffic = traffic(order.shops)
        self._schedule = order.schedule
        self._keyed_every = order.keyed_every
        self._accepted = accepted
        self._under_way: dict[int, tuple[float, int]] = {}  # message -> when it was due, whose it is
        self._start = 0.0
        self.sent = Sent()

    async def run(self, start: float) -> None:
        """Send everything from `start` (monotonic) on, then wait for the last answers."""
        self._start = start
        message, total, offset = 0, self._schedule.total, self._schedule.offset
        while message < total:
            due = start + offset(message)
            now = time.monotonic()
            if due > now:
                await asyncio.sleep(max(due - now, PAUSE_SECONDS_MIN))
                continue
            self._send(message, due, now)
            message += 1
            if message % 50 == 0:
                await asyncio.sleep(0)  # answers are read also when we are behind
        await self._last_answers()

    def _send(self, message: int, due: float, now: float) -> None:
        self.sent.lateness.append(now - due)
        intent = next(self._traffic)
        self._under_way[message] = (due, intent.shop)
        is_keyed = self._keyed_every and message % self._keyed_every == 0
        self._pool.post(message, request(self._heads, intent, KEY % message if is_keyed else b""))

    def _answered(self, message: int, answer: Answer) -> None:
        now, (due, shop) = time.monotonic(), self._under_way.pop(message)
        if answer.status != 200:
            self._refused(due, answer)
            return
        at = answer.body.index(ID_BEFORE) + len(ID_BEFORE)
        self.sent.ids.append(answer.body[at : at + ID_CHARACTERS].decode())
        self.sent.shops.append(shop)
        self.sent.offsets.append(due - self._start)
        self.sent.seconds.append(now - due)
        self.sent.answered_at.append(time.time())
        self.sent.answers["200"] += 1
        self._accepted.value += 1

    def _refused(self, due: float, answer: Answer) -> None:
        status = str(answer.status or "broken")
        self.sent.answers[status] += 1
        self.sent.refused[int(due - self._start), status] += 1
        self.sent.without_retry_after += answer.status == UNAVAILABLE and not answer.says_when

    async def _last_answers(self) -> None:
        deadline = time.monotonic() + ANSWERS_SECONDS
        while self._under_way and time.monotonic() < deadline:  # noqa: ASYNC110  # a bounded wait at the very end
            await asyncio.sleep(0.05)
        self.sent.answers["unanswered"] += len(self._under_way)
        self._pool.close()


def request(heads: dict[str, bytes], intent: Intent, key: bytes = b"") -> bytes:
    """The bytes of one POST; `key` is a whole header line."""
    body = ((REPLY_BODY if intent.is_reply else TEMPLATE_BODY) % intent.phone).encode()
    return b"%b%d\r\n%b\r\n%b" % (heads[intent.number], len(body), key, body)


def _heads(host: str, shops: list[Shop], keys: list[str]) -> dict[str, bytes]:
    """Everything up to the length, by number."""
    return {
        number: (
            f"POST /{GRAPH_VERSION}/{number}/messages HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        for shop, key in zip(shops, keys, strict=True)
        for number in shop.numbers
    }


def body(pipe: Pipe, order: Order, accepted: children.Counter) -> None:
    """The process: says that it is there, takes the start's monotonic time, sends, hands over what it saw."""
    pipe.send("ready")
    start: float = pipe.recv()
    children.listen(pipe, lambda _word: None)
    generator = Generator(order, accepted)
    uvloop.run(generator.run(start))
    pipe.send(generator.sent)
