"""Facts on Kafka, published and read by the test itself."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local.stack import Stack
from services.kernel.contracts import Event, Topic
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import decode
from services.kernel.settings import KafkaSettings


class Facts:
    """The test's own hand in the topics."""

    def __init__(self, stack: Stack) -> None:
        self.bootstrap = f"127.0.0.1:{stack.facts.ports['kafka']}"
        self._publisher: Publisher | None = None

    async def publish(self, *events: Event) -> None:
        if self._publisher is None:
            self._publisher = Publisher(KafkaSettings(bootstrap_servers=self.bootstrap), client_id="e2e")
            self._publisher.start()
        await self._publisher.publish(events)

    async def read(self, topic: Topic) -> Sequence[Event]:
        """Everything that stands in a topic now, each partition in its order."""
        client = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await client.start()
        try:
            await client._client._wait_on_metadata(topic.name)
            places = [TopicPartition(topic.name, number) for number in client.partitions_for_topic(topic.name) or ()]
            ends = await client.end_offsets(places)
            client.assign(places)
            await client.seek_to_beginning(*places)
            events: list[Event] = []
            while any([await client.position(place) < end for place, end in ends.items()]):
                for records in (await client.getmany(timeout_ms=200)).values():
                    events += [decode(record.headers, record.value) for record in records]
            return events
        finally:
            await client.stop()

    async def of_message(self, topic: Topic, message_id: str) -> Sequence[Event]:
        """What stands in a topic about one of our messages."""
        return [event for event in await self.read(topic) if str(getattr(event, "message_id", "")) == message_id]

    async def is_read(self, group: str, topic: Topic) -> bool:
        """Whether a consumer group has handled everything that stands in the topic now."""
        reader = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await reader.start()
        await admin.start()
        try:
            await reader._client._wait_on_metadata(topic.name)
            places = [TopicPartition(topic.name, number) for number in reader.partitions_for_topic(topic.name) or ()]
            ends = await reader.end_offsets(places)
            done = await admin.list_consumer_group_offsets(group)
            return all(place in done and done[place].offset >= end for place, end in ends.items() if end)
        finally:
            await admin.close()
            await reader.stop()

    async def close(self) -> None:
        if self._publisher is not None:
            await self._publisher.stop()
