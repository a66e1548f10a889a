"""The process that is called back: one server, a path for each tenant, a record of every fact and its time (hot path).

It answers 200 at once and checks no signature: what it costs must not be mistaken for what Vestnik costs.
"""

import asyncio
import time
from array import array
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import NamedTuple, cast
from uuid import UUID

import httptools
import msgspec
import uvloop

from tests.bench import children
from tests.bench.counting import BITS, ENDED

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Status(msgspec.Struct):
    id: str
    status: str


class Value(msgspec.Struct):
    event_id: UUID
    statuses: list[Status] = []
    messages: list[msgspec.Raw] = []


class Change(msgspec.Struct):
    value: Value


class Entry(msgspec.Struct):
    changes: list[Change]


class Envelope(msgspec.Struct):
    entry: list[Entry]


class Counters(NamedTuple):
    """What the parent may watch: facts told for the first time, people's messages among them, messages that ended."""

    facts: children.Counter
    inbound: children.Counter
    ended: children.Counter


@dataclass
class Told:
    """The record: statuses of each message as bits (`counting.BITS`), and when each fact came for the first time."""

    statuses: dict[str, int] = field(default_factory=dict)
    arrivals: "array[float]" = field(default_factory=lambda: array("d"))  # Unix seconds
    posts: int = 0
    repeated_facts: int = 0
    unreadable_posts: int = 0


class Record:
    """Takes bodies."""

    def __init__(self, counters: Counters) -> None:
        self.told = Told()
        self._counters = counters
        self._seen: set[bytes] = set()
        self._decode = msgspec.json.Decoder(Envelope).decode

    def take(self, body: bytes) -> None:
        self.told.posts += 1
        now = time.time()
        try:
            envelope = self._decode(body)
        except msgspec.MsgspecError:
            self.told.unreadable_posts += 1
            return
        for entry in envelope.entry:
            for change in entry.changes:
                self._fact(change.value, now)

    def _fact(self, value: Value, now: float) -> None:
        event_id = value.event_id.bytes
        if event_id in self._seen:
            self.told.repeated_facts += 1
            return
        self._seen.add(event_id)
        self.told.arrivals.append(now)
        self._counters.facts.value += 1
        self._counters.inbound.value += len(value.messages)
        for status in value.statuses:
            before = self.told.statuses.get(status.id, 0)
            after = self.told.statuses[status.id] = before | BITS.get(status.status, 0)
            self._counters.ended.value += bool(after & ENDED) and not before & ENDED


class Server(asyncio.Protocol):
    """One connection of the gateway's worker."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not of the class, but do the same

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self._body.append(part)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        self._record.take(body)
        assert self._transport is not None
        self._transport.write(OK)


def body(pipe: Pipe, counters: Counters) -> None:
    """The process: sends its port, records until it is told to finish, hands over the record."""
    uvloop.run(_serve(pipe, Record(counters)))


async def _serve(pipe: Pipe, record: Record) -> None:
    loop, finished = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Server(record), "127.0.0.1", 0)
    pipe.send(server.sockets[0].getsockname()[1])

    def finish(_word: object) -> None:
        loop.call_soon_threadsafe(finished.set)

    children.listen(pipe, finish)
    await finished.wait()
    pipe.send(record.told)
