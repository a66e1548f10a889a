"""What a consumer reads next: all that came in a tick with one fetch, express partitions before the others (hot path).

While a tick lasts the partitions are paused: a fetch in the background would come back with the first record and hold
up all that follow it. An idle reader waits in the broker instead, and has a record as soon as it is written.
"""

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError

from services.kernel.kafka import clients, lanes
from services.kernel.kafka.consumer import TICK_SECONDS, TICK_SECONDS_OF_RARITIES, Consumer, ConsumerHalted, Raw
from services.kernel.settings import KafkaSettings

BATCH_MAX = 3_000
# Where most of it is skipped unread.
RARE_BATCH_MAX = 4_000
# Where replies are waited for: one that comes while a mailing fills the batches waits for one of them in every service.
LANED_BATCH_MAX = 250
# However many replies there are, a fifth of a batch is left for the rest.
EXPRESS_MAX = 200
# How long a fetch waits for a record, and aiokafka for something to do (whatever there is wakes it).
IDLE_WAIT_MS = 1_000
# With records left over the broker is asked for the other partitions only; those that run empty wait for its answer.
BACKLOG_WAIT_MS = 50
PREFETCH_BACKOFF_SECONDS = 0.1  # aiokafka's own
SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_MS = 2_000
PARTITION_FETCH_BYTES = 2 * 1024 * 1024

# On a busy machine batches take longer, and larger ones cost less a record: the longer the last one took, the longer
# the next one gathers. Express records wait less than the others; with a backlog, what the rest leaves is theirs.
REST_FACTOR = 12.0
BACKLOG_REST_FACTOR = 1.0
REST_SECONDS_MAX = 0.6
EXPRESS_REST_FACTOR = 4.0
EXPRESS_REST_SECONDS_MAX = 0.2

Batch = dict[TopicPartition, list[Raw]]


class Reader:
    """One group member's view of its topic; `read` gives batches, the positions move with them."""

    def __init__(self, consumer: Consumer, settings: KafkaSettings, *, member: str) -> None:
        self._group = consumer.group
        self._topic = consumer.topic.name
        self._tick_seconds = consumer.tick_seconds
        self._batch_max = _batch_max(consumer)
        self._began_at = 0.0
        self._express_from = self._bulk_from = 0.0  # when the next batch may begin, and when it may hold anything
        self._wait_ms = IDLE_WAIT_MS
        self._has_read = False  # and nothing is planned since
        self._rest_factor = 0.0  # of the bulk of the last batch
        self.client = AIOKafkaConsumer(
            **clients.options(settings, held_back_ms=IDLE_WAIT_MS),
            group_id=consumer.group,
            client_id=f"{member}.{consumer.group}",
            enable_auto_commit=False,
            # "none": an offset that is out of range halts; a new group is sent to the beginning below.
            auto_offset_reset="none",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=IDLE_WAIT_MS,
            consumer_timeout_ms=IDLE_WAIT_MS,
        )

    async def start(self, listener: ConsumerRebalanceListener) -> None:
        """Join the group; raises KafkaConnectionError when no broker is there."""
        self.client.subscribe([self._topic], listener=listener)
        await self.client.start()

    async def read(self, wait_seconds: float) -> Batch:
        """The next batch, by partition and in order; {} when none came for `wait_seconds`."""
        self._plan()
        await self._until(self._express_from)
        batch = await self._read_express() or await self._fetch_lanes(int(wait_seconds * 1000))
        if batch:
            self._began_at, self._has_read = time.monotonic(), True
            self._prepare_next(batch, is_full=_size(batch) >= self._batch_max)
        return batch

    def lag(self) -> int:
        """How many records of our partitions wait, as far as the broker has told."""
        lag = 0
        for place in self.client.assignment():
            end = self.client.highwater(place)
            state = self.client._subscription.subscription.assignment.state_value(place)
            if end is not None and state is not None and state.has_valid_position:
                lag += max(0, end - state.position)
        return lag

    def _plan(self) -> None:
        """When the next batch begins: after one that took long, or held more than express records, later."""
        if not self._has_read:
            return
        began, took, self._has_read = self._began_at, time.monotonic() - self._began_at, False
        express_rest = min(EXPRESS_REST_FACTOR * took, EXPRESS_REST_SECONDS_MAX)
        self._express_from = began + max(self._tick_seconds, express_rest)
        if self._rest_factor:
            self._bulk_from = max(self._express_from, began + min(self._rest_factor * took, REST_SECONDS_MAX))
            self._rest_factor = 0.0

    async def _read_express(self) -> Batch:
        """Express records, while it is not yet the others' turn."""
        express = self._express_places()
        rest = self._bulk_from - time.monotonic()
        batch: Batch = {}
        if rest > 0 and express and not self._is_moving:
            # The broker has one question of ours at a time: it must answer before the others' turn comes.
            self._fetcher._fetch_max_wait_ms = int(rest * 1000)
            self._resume(express)
            batch = await self._fetch(express, int(rest * 1000), EXPRESS_MAX)
            self._fetcher._fetch_max_wait_ms = self._wait_ms
        if not batch:
            await self._until(self._bulk_from)
            self._resume(self.client.assignment())
        return batch

    async def _until(self, moment: float) -> None:
        if (left := moment - time.monotonic()) > 0:
            await asyncio.sleep(left)

    def _resume(self, places: Collection[TopicPartition]) -> None:
        self.client.resume(*(set(places) & self.client.paused()))  # some may have moved on meanwhile

    def _express_places(self) -> list[TopicPartition]:
        partitions = len(self.client.partitions_for_topic(self._topic) or ())
        return lanes.express_places(self.client.assignment(), partitions)

    def _prepare_next(self, batch: Batch, *, is_full: bool) -> None:
        if batch.keys() - set(self._express_places()):
            self._rest_factor = BACKLOG_REST_FACTOR if is_full else REST_FACTOR
        fetcher = self._fetcher
        self._wait_ms = fetcher._fetch_max_wait_ms = BACKLOG_WAIT_MS if is_full else IDLE_WAIT_MS
        fetcher._prefetch_backoff = 0 if is_full else PREFETCH_BACKOFF_SECONDS
        if is_full:
            # With leftovers aiokafka would ask for nothing else for a while, and an express record would wait with it.
            for leftover in fetcher._records.values():
                leftover._backoff = 0
            fetcher._notify(fetcher._wait_consume_future)
        elif not self._is_moving:
            self.client.pause(*self.client.assignment())

    async def _fetch_lanes(self, wait_ms: int) -> Batch:
        batch = await self._fetch([], wait_ms, 1)
        if batch:
            assigned, express = self.client.assignment(), self._express_places()
            await self._add(batch, express, EXPRESS_MAX)
            await self._add(batch, [place for place in assigned if place not in express], self._batch_max)
            await self._add(batch, express, self._batch_max)
        return batch

    async def _add(self, batch: Batch, places: Sequence[TopicPartition], count: int) -> None:
        room = min(count, self._batch_max - _size(batch))
        # While partitions move, a fetch waits for the new ones, and they wait for this batch.
        if not places or room < 1 or self._is_moving:
            return
        for place, raws in (await self._fetch(places, 0, room)).items():
            batch.setdefault(place, []).extend(raws)

    @property
    def _fetcher(self) -> Any:
        return self.client._fetcher

    @property
    def _is_moving(self) -> bool:
        return bool(self.client._subscription.reassignment_in_progress)

    async def _fetch(self, places: Sequence[TopicPartition], wait_ms: int, count: int) -> Batch:
        for buffered in self._fetcher._records.values():
            if (records := getattr(buffered, "_partition_records", None)) is not None:
                records._consumer_record = _raw
        try:
            fetched = await self.client.getmany(*places, timeout_ms=wait_ms, max_records=count)
        except NoOffsetForPartitionError as error:
            await self.client.seek_to_beginning(*error.args)
            return {}
        except KafkaError as error:
            if error.retriable:
                return {}
            raise ConsumerHalted(f"{self._group}: {type(error).__name__}") from error
        return {
            place: [record if type(record) is Raw else _raw(place, record) for record in records]
            for place, records in fetched.items()
            if records
        }


def _raw(place: TopicPartition, record: Any) -> Raw:
    """What is used of a record; aiokafka's own object has eleven fields and costs a tenth of a consumer's time."""
    return Raw(place.topic, place.partition, record.offset, record.key, record.value, record.headers)


def _batch_max(consumer: Consumer) -> int:
    is_waited_for = lanes.has_lanes(consumer.topic.name) and consumer.tick_seconds <= TICK_SECONDS
    if is_waited_for:
        return LANED_BATCH_MAX
    return RARE_BATCH_MAX if consumer.tick_seconds >= TICK_SECONDS_OF_RARITIES else BATCH_MAX


def _size(batch: Batch) -> int:
    return sum(map(len, batch.values()))
