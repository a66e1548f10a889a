"""Declaring a consumer, and what becomes of one batch of records: handled, ignored, or dead (hot path)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar, get_args

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel import clock, metrics
from services.kernel.contracts import EVENT_TYPES, Event, Topic
from services.kernel.db import Database
from services.kernel.errors import is_retryable
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, Undecodable, UnknownKind, decode, header_of
from services.kernel.logging import get_logger

# About 50 s of patience in all: an outage is waited out, then the process stops with the offset uncommitted. The pauses
# stay short: what an outage held up goes on as soon as it is over.
ATTEMPTS_MAX = 53
BACKOFF_FIRST_SECONDS = 0.2
BACKOFF_MAX_SECONDS = 1.0
# This many bad records in a row are a bad build, not bad records.
DEAD_RUN_MAX = 20
# Under load batches are worth a wait; an idle consumer handles at once. What nobody waits for may wait longer.
TICK_SECONDS = 0.1
TICK_SECONDS_OF_REPORTS = 0.45
TICK_SECONDS_OF_RARITIES = 0.5  # most of what comes is skipped

_log = get_logger()


class Received(msgspec.Struct, frozen=True, gc=False):
    """One fact and where it was read."""

    event: Event
    partition: int
    offset: int


T = TypeVar("T")
Outcome = Literal["handled", "ignored", "dead"]

Handler = Callable[[AsyncConnection, Sequence[Received]], Awaitable[Sequence[Event]]]


class Raw(msgspec.Struct, frozen=True, gc=False):
    """A record as the broker gave it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Dead(NamedTuple):
    """A record that cannot be handled, and what it was tried with."""

    partition: int
    offset: int
    error_class: str
    attempts: int


class ConsumerHalted(Exception):
    """The consumer stops instead of losing or burying facts; the process is restarted and tries again."""


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """Which facts of a topic make a slice act.

    `handle` gets a batch and one transaction, and returns the results of EVERY record, new or duplicate, as the
    database says they were decided; they are published after the commit. `after` is called when a batch is done.
    With `subjects` only facts whose subject is one of them are read. Under load a batch begins `tick_seconds` after
    the one before, so that a transaction carries more records.
    """

    group: str
    topic: Topic
    events: tuple[type[Event], ...]
    handle: Handler
    after: Callable[[], None] | None = None
    subjects: frozenset[str] | None = None
    tick_seconds: float = TICK_SECONDS

    def __post_init__(self) -> None:
        service = self.group.partition(".")[0]
        assert service in self.topic.consumers, f"{service} is no declared consumer of {self.topic.name}"
        assert all(event.TOPIC is self.topic for event in self.events), f"{self.group} declares a foreign event"
        assert self.subjects is None or all(event.SUBJECT for event in self.events), f"{self.group}: no subject"


class BatchRunner:
    """Takes batches of one consumer to their end."""

    def __init__(self, consumer: Consumer, database: Database, publisher: Publisher) -> None:
        self._consumer = consumer
        self._database = database
        self._publisher = publisher
        self._dead_run = 0
        self._counters = {
            outcome: metrics.EVENTS_CONSUMED.labels(consumer.group, consumer.topic.name, outcome)
            for outcome in get_args(Outcome)
        }
        self._types = frozenset(event.TYPE.encode() for event in consumer.events)
        self._foreign = frozenset(type_.encode() for type_ in EVENT_TYPES) - self._types
        self._subjects = None if consumer.subjects is None else frozenset(s.encode() for s in consumer.subjects)

    async def run(self, raws: Sequence[Raw]) -> None:
        """Handle the records, publish what they led to; raises ConsumerHalted when nothing may be committed."""
        received, dead = self._decode(raws)
        results, failed = await self._settle(received)
        await self._bury(dead + failed, received, raws)
        if results:
            await self._patiently(lambda: self._publisher.publish(results))
        if self._consumer.after is not None:
            self._consumer.after()
        self._count("handled", len(received) - len(failed))

    def _decode(self, raws: Sequence[Raw]) -> tuple[list[Received], list[Dead]]:
        received: list[Received] = []
        dead: list[Dead] = []
        for raw in raws:
            if self._is_ignored(raw.headers):
                continue
            try:
                received.append(Received(decode(raw.headers, raw.value), raw.partition, raw.offset))
            except UnknownKind:
                continue
            except Undecodable:
                dead.append(Dead(raw.partition, raw.offset, Undecodable.__name__, 1))
        self._count("ignored", len(raws) - len(received) - len(dead))
        return received, dead

    def _is_ignored(self, headers: Sequence[tuple[str, bytes]]) -> bool:
        """Whether the headers alone say that this fact is nothing for this consumer."""
        type_ = header_of(headers, "ce_type")
        if type_ not in self._types:
            return type_ in self._foreign
        if self._subjects is None:
            return False
        subject = header_of(headers, "ce_subject")
        return subject is not None and subject not in self._subjects

    async def _settle(self, batch: Sequence[Received], attempt: int = 1) -> tuple[list[Event], list[Dead]]:
        """Handle a batch in one transaction; one that fails for good is halved until the bad record stands alone."""
        if not batch:
            return [], []
        try:
            return list(await self._patiently(lambda: self._handle(batch))), []
        except ConsumerHalted:
            raise
        except Exception as error:
            if len(batch) == 1:
                return [], [Dead(batch[0].partition, batch[0].offset, type(error).__name__, attempt)]
            _log.warning("batch is bisected", group=self._consumer.group, count=len(batch), exc_info=error)
        middle = len(batch) // 2
        first, first_dead = await self._settle(batch[:middle], attempt + 1)
        second, second_dead = await self._settle(batch[middle:], attempt + 1)
        return first + second, first_dead + second_dead

    async def _handle(self, batch: Sequence[Received]) -> Sequence[Event]:
        async with self._database.transaction() as connection:
            return await self._consumer.handle(connection, batch)

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                await asyncio.sleep(min(BACKOFF_FIRST_SECONDS * 2 ** (attempt - 1), BACKOFF_MAX_SECONDS))
            try:
                return await act()
            except Exception as error:
                if not is_retryable(error):
                    raise
                _log.warning(
                    "batch will be tried again",
                    group=self._consumer.group,
                    attempt=attempt,
                    error_class=type(error).__name__,
                )
        raise ConsumerHalted(f"{self._consumer.group}: still failing after {ATTEMPTS_MAX} attempts")

    async def _bury(self, dead: list[Dead], received: Sequence[Received], raws: Sequence[Raw]) -> None:
        if not dead:
            self._dead_run = 0 if received else self._dead_run
            return
        run = self._longest_run(dead, received, raws)
        if run > DEAD_RUN_MAX:
            raise ConsumerHalted(f"{self._consumer.group}: {run} dead letters in a row")
        by_place = {(raw.partition, raw.offset): raw for raw in raws}
        letters = [self._letter(by_place[one.partition, one.offset], one) for one in dead]
        await self._patiently(lambda: self._publisher.send(letters))
        self._count("dead", len(dead))
        metrics.DEAD_LETTERS.labels(self._consumer.group).inc(len(dead))
        for one in dead:
            _log.error(
                "record is dead",
                group=self._consumer.group,
                topic=self._consumer.topic.name,
                partition=one.partition,
                offset=one.offset,
                error_class=one.error_class,
            )

    def _longest_run(self, dead: list[Dead], received: Sequence[Received], raws: Sequence[Raw]) -> int:
        """The most dead records that stand in a row, with those at the end of the batches before."""
        gone = {(one.partition, one.offset) for one in dead}
        decoded = {(one.partition, one.offset) for one in received}
        longest = run = self._dead_run
        for raw in raws:
            place = (raw.partition, raw.offset)
            if place in gone:
                run += 1
                longest = max(longest, run)
            elif place in decoded:
                run = 0
        self._dead_run = run
        return longest

    def _letter(self, raw: Raw, dead: Dead) -> Record:
        origin = {
            "dead_topic": raw.topic,
            "dead_partition": str(raw.partition),
            "dead_offset": str(raw.offset),
            "dead_group": self._consumer.group,
            "dead_error": dead.error_class,
            "dead_attempts": str(dead.attempts),
            "dead_at": clock.now().isoformat(),
        }
        headers = (*raw.headers, *((name, value.encode()) for name, value in origin.items()))
        return Record(topic=self._consumer.topic.dead, key=raw.key or b"", value=raw.value or b"", headers=headers)

    def _count(self, outcome: Outcome, count: int) -> None:
        if count:
            self._counters[outcome].inc(count)
