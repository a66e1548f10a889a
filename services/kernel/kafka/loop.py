"""The consumer loop: read a batch, hand it over, commit its offsets (hot path)."""

import asyncio
import time
from collections.abc import Iterable

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError

from services.kernel import metrics
from services.kernel.db import Database
from services.kernel.kafka.consumer import BatchRunner, Consumer, ConsumerHalted
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.reader import Batch, Reader
from services.kernel.logging import get_logger
from services.kernel.settings import KafkaSettings

READ_WAIT_SECONDS = 1.0
# Batches share a commit, which the broker writes to its disk; after a crash this much is handled again, without effect.
COMMIT_SECONDS = 1.0
START_AGAIN_SECONDS = 1.0
# Records wait and none is handled: the client hangs (aio-libs/aiokafka#718) and only a restart helps.
STUCK_SECONDS = 30
# A batch in work may end before its partitions go to somebody else. No heartbeats are sent meanwhile: with the time
# since the last one this must be shorter than the session, or the member is thrown out and everybody shares again.
DRAIN_SECONDS = 3
COMMIT_SECONDS_MAX = 20
# Above the patience of a batch with an outage in the middle; aiokafka leaves the group after 300 s.
STEP_SECONDS_MAX = 240
# A client that hangs does not stop either, and its successor waits for this.
CLIENT_STOP_SECONDS = 4

_log = get_logger()


class ConsumerLoop(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """Runs one declared consumer until it is told to stop, or halts the process."""

    def __init__(
        self, consumer: Consumer, settings: KafkaSettings, database: Database, publisher: Publisher, *, member: str
    ) -> None:
        self._consumer = consumer
        self._runner = BatchRunner(consumer, database, publisher)
        self._reader = Reader(consumer, settings, member=member)
        self._client = self._reader.client
        self._idle = asyncio.Event()
        self._idle.set()
        self._progress_at = time.monotonic()
        self._handled: dict[TopicPartition, int] = {}
        self._committed_at = 0.0
        self._size = metrics.CONSUMER_BATCH_SIZE.labels(consumer.group)
        self._seconds = metrics.BATCH_SECONDS.labels(consumer.group)
        self._lag = metrics.CONSUMER_LAG.labels(consumer.group, consumer.topic.name)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop`; raises ConsumerHalted or what the client died of."""
        await self._start(stop)
        try:
            while not stop.is_set():
                await self._step_in_time()
            await self._commit()
        except ConsumerHalted as halt:
            _log.critical("consumer halts", group=self._consumer.group, reason=str(halt))
            raise
        finally:
            # A client whose commit was given up cancels whoever stops it: what we end for must not be lost in that.
            await asyncio.wait([asyncio.ensure_future(self._client.stop())], timeout=CLIENT_STOP_SECONDS)

    def not_ready_reason(self) -> str | None:
        """Why this consumer is not doing its work, or None."""
        if not self._client.assignment():
            return None  # another member of the group has the partitions
        if self._reader.lag() and time.monotonic() - self._progress_at > STUCK_SECONDS:
            return f"{self._consumer.group} lags without progress"
        return None

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._idle.wait()
                await self._commit()
        except TimeoutError:
            _log.warning("partitions are leaving in the middle of a batch", group=self._consumer.group)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._handled.clear()  # what is not committed by now may have been handled further by somebody else
        _log.info("partitions assigned", group=self._consumer.group, count=len(list(assigned)))

    async def _start(self, stop: asyncio.Event) -> None:
        """Join the group; a broker that is not there is waited for, since a restart would wait as well."""
        while not stop.is_set():
            try:
                await self._reader.start(self)
            except KafkaConnectionError:
                await asyncio.sleep(START_AGAIN_SECONDS)
            else:
                return

    async def _step_in_time(self) -> None:
        try:
            async with asyncio.timeout(STEP_SECONDS_MAX):
                await self._step()
        except TimeoutError as error:
            raise ConsumerHalted(f"{self._consumer.group}: one batch took {STEP_SECONDS_MAX} s") from error

    async def _step(self) -> None:
        commit_in = self._committed_at + COMMIT_SECONDS - time.monotonic()
        if self._handled and commit_in <= 0:
            await self._commit()
        batch = await self._reader.read(commit_in if self._handled else READ_WAIT_SECONDS)
        if not batch:
            return self._check_stuck()
        self._idle.clear()
        try:
            await self._handle(batch)
        finally:
            self._idle.set()

    async def _handle(self, batch: Batch) -> None:
        raws = [raw for partition in batch.values() for raw in partition]
        self._size.observe(len(raws))
        with self._seconds.time():
            await self._runner.run(raws)
        self._handled |= {place: records[-1].offset + 1 for place, records in batch.items()}
        self._progress_at = time.monotonic()
        self._lag.set(self._reader.lag())

    async def _commit(self) -> None:
        handled, self._handled = self._handled, {}
        held = self._client.assignment()
        ours = {place: offset for place, offset in handled.items() if place in held}
        self._committed_at = time.monotonic()
        if not ours:
            return
        try:
            async with asyncio.timeout(COMMIT_SECONDS_MAX):
                await self._client.commit(ours)
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
            self._handled = ours | self._handled
            _log.warning("commit failed", group=self._consumer.group, error_class=type(error).__name__)

    def _check_stuck(self) -> None:
        if not self._reader.lag():
            self._progress_at = time.monotonic()
        elif time.monotonic() - self._progress_at > STUCK_SECONDS:
            raise ConsumerHalted(f"{self._consumer.group}: records wait and none arrives")
