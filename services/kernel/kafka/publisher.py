"""Writing facts to Kafka in batches, acknowledged by every replica."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError

from services.kernel.contracts import Event
from services.kernel.kafka import clients, lanes
from services.kernel.kafka.record import Record, encode
from services.kernel.settings import KafkaSettings

# aiokafka keeps one request in flight per broker, so a batch must be large to be fast.
BATCH_BYTES_MAX = 512 * 1024
# Longer than a broker's restart; the caller decides what a time-out means.
DELIVERY_TIMEOUT_SECONDS = 20


class Publisher:
    """An idempotent producer; `publish` returns only when Kafka has acknowledged every fact."""

    def __init__(
        self, settings: KafkaSettings, *, client_id: str, delivery_timeout_seconds: float = DELIVERY_TIMEOUT_SECONDS
    ) -> None:
        self._settings = settings
        self._timeout_seconds = delivery_timeout_seconds
        self._client_id = client_id
        self._producer: AIOKafkaProducer | None = None
        self._splits: dict[str, lanes.Split] = {}

    async def start(self) -> None:
        options = clients.options(self._settings)
        self._producer = AIOKafkaProducer(
            **options | {"request_timeout_ms": int(self._timeout_seconds * 1000)},
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES_MAX,
        )
        # aiokafka has one number for both: what waits to be sent may wait longer than a request for its answer.
        self._producer.client._request_timeout_ms = options["request_timeout_ms"]
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    @property
    def is_alive(self) -> bool:
        """False once aiokafka's sender has died: later sends would hang (aio-libs/aiokafka#1039)."""
        sender = self._producer and self._producer._sender.sender_task
        return sender is not None and not sender.done()

    async def can_reach_broker(self) -> bool:
        """Whether the sender lives and a broker answers right now."""
        return self.is_alive and bool(await self._started.client.fetch_all_metadata())

    async def publish(self, events: Iterable[Event]) -> None:
        """Write facts in order per key; raises when Kafka did not acknowledge them in time."""
        await self.send([encode(event) for event in events])

    async def send(self, records: Sequence[Record]) -> None:
        """Write records in order per key; raises when Kafka did not acknowledge them in time."""
        by_place: dict[tuple[str, int], list[Record]] = defaultdict(list)
        for record in records:
            split = self._splits.get(record.topic) or await self._split(record.topic)
            by_place[record.topic, split.partition_of(record)].append(record)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                acknowledgements = [
                    future for place, group in by_place.items() for future in await self._enqueue(*place, group)
                ]
                await asyncio.gather(*acknowledgements)
        except TimeoutError as error:
            raise KafkaTimeoutError("Kafka did not acknowledge in time") from error

    async def _enqueue(self, topic: str, partition: int, records: list[Record]) -> "list[asyncio.Future[object]]":
        producer = self._started
        futures = []
        batch = producer.create_batch()
        for key, value, headers in ((r.key, r.value, list(r.headers)) for r in records):
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                futures.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None, headers=headers)  # the first one always fits
        futures.append(await producer.send_batch(batch, topic, partition=partition))
        return futures

    async def _split(self, topic: str) -> lanes.Split:
        split = lanes.split(topic, len(await self._started.partitions_for(topic)))
        self._splits[topic] = split
        return split

    @property
    def _started(self) -> AIOKafkaProducer:
        assert self._producer is not None, "the publisher was not started"
        return self._producer
