"""The consumer loop: fetch, gather under load, hand over a batch, commit its offsets (hot path)."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    NoOffsetForPartitionError,
)

from services.kernel import metrics
from services.kernel.db import Database
from services.kernel.kafka.consumer import BatchRunner, Consumer, ConsumerHalted, Raw
from services.kernel.kafka.publisher import Publisher
from services.kernel.logging import get_logger
from services.kernel.settings import KafkaSettings

BATCH_MAX = 500
# Under load batches are worth a wait; an idle consumer handles at once.
TICK_SECONDS = 0.1
FETCH_WAIT_MS = 1_000
SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_MS = 2_000
PARTITION_FETCH_BYTES = 512 * 1024
START_PATIENCE_SECONDS = 60
# Records wait and none is handled: the client hangs (aio-libs/aiokafka#718) and only a restart helps.
STUCK_SECONDS = 30
# A batch in work may end before its partitions go to somebody else. No heartbeats are sent meanwhile: with the time
# since the last one this must be shorter than the session, or the member is thrown out and everybody shares again.
DRAIN_SECONDS = 3
COMMIT_SECONDS_MAX = 20
# Above the patience of a batch with an outage in the middle; aiokafka leaves the group after 300 s.
STEP_SECONDS_MAX = 240
CLIENT_STOP_SECONDS = 10

_log = get_logger()


class ConsumerLoop(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Runs one declared consumer until it is told to stop, or halts the process."""

    def __init__(
        self, consumer: Consumer, settings: KafkaSettings, database: Database, publisher: Publisher, *, member: str
    ) -> None:
        self._consumer = consumer
        self._runner = BatchRunner(consumer, database, publisher)
        self._idle = asyncio.Event()
        self._idle.set()
        self._progress_at = time.monotonic()
        self._started_at = 0.0
        self._client = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            group_id=consumer.group,
            client_id=f"{member}.{consumer.group}",
            enable_auto_commit=False,
            # "none": an offset that is out of range halts; a new group is sent to the beginning below.
            auto_offset_reset="none",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; raises ConsumerHalted or what the client died of."""
        await self._start()
        try:
            while not stop.is_set():
                await self._step_in_time()
        except ConsumerHalted as halt:
            _log.critical("consumer halts", group=self._consumer.group, reason=str(halt))
            raise
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._client.stop(), CLIENT_STOP_SECONDS)

    def not_ready_reason(self) -> str | None:
        """Why this consumer is not doing its work, or None."""
        if not self._client.assignment():
            return None  # another member of the group has the partitions
        if self._lag() and time.monotonic() - self._progress_at > STUCK_SECONDS:
            return f"{self._consumer.group} lags without progress"
        return None

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        try:
            await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        except TimeoutError:
            _log.warning("partitions are leaving in the middle of a batch", group=self._consumer.group)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        _log.info("partitions assigned", group=self._consumer.group, count=len(list(assigned)))

    async def _start(self) -> None:
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        self._client.subscribe([self._consumer.topic.name], listener=self)
        while True:
            try:
                await self._client.start()
            except KafkaConnectionError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)
            else:
                return

    async def _step_in_time(self) -> None:
        try:
            async with asyncio.timeout(STEP_SECONDS_MAX):
                await self._step()
        except TimeoutError as error:
            raise ConsumerHalted(f"{self._consumer.group}: one batch took {STEP_SECONDS_MAX} s") from error

    async def _step(self) -> None:
        fetched = await self._fetch(FETCH_WAIT_MS, BATCH_MAX)
        if not fetched:
            return self._check_stuck()
        self._idle.clear()
        try:
            await self._gather(fetched)
            await self._handle(fetched)
        finally:
            self._idle.set()

    async def _fetch(self, wait_ms: int, count: int) -> dict[TopicPartition, list[Raw]]:
        try:
            fetched = await self._client.getmany(timeout_ms=wait_ms, max_records=count)
        except NoOffsetForPartitionError as error:
            await self._client.seek_to_beginning(*error.args)
            return {}
        except KafkaError as error:
            if error.retriable:
                return {}
            raise ConsumerHalted(f"{self._consumer.group}: {type(error).__name__}") from error
        return {
            place: [Raw(r.topic, r.partition, r.offset, r.key, r.value, r.headers) for r in records]
            for place, records in fetched.items()
            if records
        }

    async def _gather(self, fetched: dict[TopicPartition, list[Raw]]) -> None:
        """Under load wait for the rest of the tick, so that one transaction carries more records."""
        rest = self._started_at + TICK_SECONDS - time.monotonic()
        count = sum(map(len, fetched.values()))
        if rest > 0 and count < BATCH_MAX:
            await asyncio.sleep(rest)
            # While partitions move, a fetch waits for the new ones, and they wait for this batch.
            if not self._client._subscription.reassignment_in_progress:
                for place, raws in (await self._fetch(0, BATCH_MAX - count)).items():
                    fetched.setdefault(place, []).extend(raws)
        self._started_at = time.monotonic()

    async def _handle(self, fetched: dict[TopicPartition, list[Raw]]) -> None:
        raws = [raw for partition in fetched.values() for raw in partition]
        metrics.CONSUMER_BATCH_SIZE.labels(self._consumer.group).observe(len(raws))
        with metrics.BATCH_SECONDS.labels(self._consumer.group).time():
            await self._runner.run(raws)
        await self._commit({place: records[-1].offset + 1 for place, records in fetched.items()})
        self._progress_at = time.monotonic()
        metrics.CONSUMER_LAG.labels(self._consumer.group, self._consumer.topic.name).set(self._lag())

    async def _commit(self, offsets: dict[TopicPartition, int]) -> None:
        held = self._client.assignment()
        ours = {place: offset for place, offset in offsets.items() if place in held}
        if not ours:
            return
        try:
            await asyncio.wait_for(self._client.commit(ours), COMMIT_SECONDS_MAX)
        except TimeoutError as error:
            # Seen after a broker's death: the client looks for its coordinator for ever, and only a restart helps.
            raise ConsumerHalted(f"{self._consumer.group}: the coordinator does not answer") from error
        except (CommitFailedError, IllegalStateError):
            # The partitions moved on: their new owner sees the records again, and effects are once.
            _log.warning("commit came too late", group=self._consumer.group, count=len(ours))
        except KafkaError as error:
            if not error.retriable:
                raise
            # The next commit covers this one.
            _log.warning("commit failed", group=self._consumer.group, error_class=type(error).__name__)

    def _lag(self) -> int:
        lag = 0
        for place in self._client.assignment():
            end = self._client.highwater(place)
            state = self._client._subscription.subscription.assignment.state_value(place)
            if end is not None and state is not None and state.has_valid_position:
                lag += max(0, end - state.position)
        return lag

    def _check_stuck(self) -> None:
        if not self._lag():
            self._progress_at = time.monotonic()
        elif time.monotonic() - self._progress_at > STUCK_SECONDS:
            raise ConsumerHalted(f"{self._consumer.group}: records wait and none arrives")
