"""Writing facts to Kafka in batches, acknowledged by every replica."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError, ProducerClosed

from services.kernel.contracts import Event
from services.kernel.kafka import clients, lanes, producers
from services.kernel.kafka.record import Record, encode
from services.kernel.logging import get_logger
from services.kernel.settings import KafkaSettings

# Longer than a broker's restart; the caller decides what a time-out means.
DELIVERY_TIMEOUT_SECONDS = 20

_log = get_logger()


class Publisher:
    """`publish` returns only when Kafka has acknowledged every fact.

    A producer that failed is given up, with all that it still holds: aiokafka counts records that the broker never got,
    and the broker refuses every later one of that partition as out of order. The next send begins with a new producer,
    and while Kafka is away fails at once.
    """

    def __init__(
        self, settings: KafkaSettings, *, client_id: str, delivery_timeout_seconds: float = DELIVERY_TIMEOUT_SECONDS
    ) -> None:
        self._settings = settings
        self._timeout_seconds = delivery_timeout_seconds
        self._client_id = client_id
        self._is_open = False
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._try_again_at = 0.0
        self._leaving: set[asyncio.Task[None]] = set()
        self._splits: dict[str, lanes.Split] = {}

    def start(self) -> None:
        """Accept sends; the first one connects, so that a process serves whether or not a broker is there."""
        self._is_open = True

    async def stop(self) -> None:
        """Deliver what is under way, and close."""
        self._is_open = False
        if self._producer is not None:
            await self._producer.stop()
        await asyncio.gather(*self._leaving)

    async def can_reach_broker(self) -> bool:
        """Whether a broker answers right now."""
        return self._is_open and bool(await (await self._usable()).client.fetch_all_metadata())

    async def publish(self, events: Iterable[Event]) -> None:
        """Write facts in order per key; raises when Kafka did not acknowledge them in time."""
        await self.send([encode(event) for event in events])

    async def send(self, records: Sequence[Record]) -> None:
        """Write records in order per key; raises when Kafka did not acknowledge them in time."""
        producer = None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                producer = await self._usable()
                await self._deliver(producer, records)
        except (TimeoutError, KafkaError) as error:
            if producer is not None:
                self._give_up(producer, type(error).__name__)
            if isinstance(error, TimeoutError):
                raise KafkaTimeoutError("Kafka did not acknowledge in time") from error
            raise

    async def _deliver(self, producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
        by_place: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in records:
            split = self._splits.get(record.topic) or await self._split(producer, record.topic)
            by_place[record.topic, split.partition_of(record)].append(record)
        await asyncio.gather(*(_write(producer, *place, group) for place, group in by_place.items()))

    async def _split(self, producer: AIOKafkaProducer, topic: str) -> lanes.Split:
        split = lanes.split(topic, len(await producer.partitions_for(topic)))
        self._splits[topic] = split
        return split

    async def _usable(self) -> AIOKafkaProducer:
        if not self._is_open:
            raise ProducerClosed
        async with self._starting:
            if self._producer is not None and not producers.is_alive(self._producer):
                self._give_up(self._producer, "dead sender")
            if self._producer is None:
                self._producer = await self._new()
            return self._producer

    async def _new(self) -> AIOKafkaProducer:
        now = asyncio.get_running_loop().time
        if now() < self._try_again_at:
            raise KafkaConnectionError("Kafka did not answer a moment ago")
        try:
            return await producers.start(
                self._settings, client_id=self._client_id, patience_seconds=self._timeout_seconds
            )
        except KafkaError:
            self._try_again_at = now() + clients.RETRY_MS / 1000
            raise

    def _give_up(self, producer: AIOKafkaProducer, reason: str) -> None:
        if self._producer is not producer:
            return  # somebody else was first
        _log.warning("producer is replaced after a failure", reason=reason)
        self._producer = None
        leaving = asyncio.create_task(producers.abandon(producer), name="abandoned producer")
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)


async def _write(producer: AIOKafkaProducer, topic: str, partition: int, records: list[Record]) -> None:
    acknowledgements = []
    batch = producer.create_batch()
    for key, value, headers in ((r.key, r.value, list(r.headers)) for r in records):
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
            acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)  # the first one always fits
    acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*acknowledgements)
