"""How far another group is behind: what is older than so many seconds and not committed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from services.kernel.contracts import Topic
from services.kernel.contracts.inbound import INBOUND
from services.kernel.kafka.lag import GroupLag
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record
from services.kernel.settings import KafkaSettings
from tests.consent.stand import own_topic
from tests.fixtures.infrastructure import Infrastructure

PATIENCE_SECONDS = 20


@pytest.fixture
async def topic(infrastructure: Infrastructure) -> AsyncIterator[Topic]:
    async with own_topic(infrastructure.kafka) as topic:
        yield topic


@asynccontextmanager
async def watching(lag: GroupLag) -> AsyncIterator[GroupLag]:
    stop = asyncio.Event()
    task = asyncio.create_task(lag.run(stop))
    try:
        yield lag
    finally:
        stop.set()
        await asyncio.wait_for(task, PATIENCE_SECONDS)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110 - the broker's doing
            await asyncio.sleep(0.02)


async def commit(kafka: KafkaSettings, group: str, topic: Topic, offset: int) -> None:
    client = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, group_id=group, enable_auto_commit=False)
    await client.start()
    place = TopicPartition(topic.name, 0)
    client.assign([place])
    await client.commit({place: offset})
    await client.stop()


def record(topic: Topic) -> Record:
    return Record(topic.name, b"key", b"value", ())


async def test_a_group_that_has_committed_everything_is_not_behind_and_one_that_has_not_is(
    infrastructure: Infrastructure, topic: Topic, publisher: Publisher
) -> None:
    group = f"test-{uuid4().hex[:8]}"
    await publisher.send([record(topic), record(topic)])
    lag = GroupLag(infrastructure.kafka, group=group, topic=topic)
    assert lag.behind(1)  # nobody knows yet
    async with watching(lag):
        await until(lambda: bool(lag._ends))
        assert lag.behind(1)  # what stood there at the first look may be old
        await commit(infrastructure.kafka, group, topic, 1)
        await asyncio.sleep(1)
        assert lag.behind(1)
        await commit(infrastructure.kafka, group, topic, 2)
        await until(lambda: not lag.behind(1))


async def test_a_group_of_an_empty_topic_is_not_behind(infrastructure: Infrastructure, topic: Topic) -> None:
    async with watching(GroupLag(infrastructure.kafka, group=f"test-{uuid4().hex[:8]}", topic=topic)) as lag:
        await until(lambda: not lag.behind(2))


async def test_what_retention_removed_before_the_group_ever_read_is_not_waited_for(
    infrastructure: Infrastructure, topic: Topic, publisher: Publisher
) -> None:
    await publisher.send([record(topic)] * 3)
    admin = AIOKafkaAdminClient(bootstrap_servers=infrastructure.kafka.bootstrap_servers)
    await admin.start()
    await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(before_offset=3)})
    await admin.close()
    async with watching(GroupLag(infrastructure.kafka, group=f"consent.{uuid4()}", topic=topic)) as lag:
        await until(lambda: not lag.behind(1))


async def test_what_came_a_moment_ago_is_not_late_yet_and_is_soon(
    infrastructure: Infrastructure, topic: Topic, publisher: Publisher
) -> None:
    async with watching(GroupLag(infrastructure.kafka, group=f"test-{uuid4().hex[:8]}", topic=topic)) as lag:
        await until(lambda: len(lag._ends) > 4)
        await publisher.send([record(topic)])
        assert not lag.behind(2)
        await until(lambda: lag.behind(2))


async def test_a_broker_that_does_not_answer_counts_as_behind() -> None:
    nowhere = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    async with watching(GroupLag(nowhere, group="test", topic=INBOUND)) as lag:
        await asyncio.sleep(0.5)
        assert lag.behind(2)


async def test_an_answer_that_is_too_old_counts_as_behind(infrastructure: Infrastructure, topic: Topic) -> None:
    async with watching(GroupLag(infrastructure.kafka, group=f"test-{uuid4().hex[:8]}", topic=topic)) as lag:
        await until(lambda: not lag.behind(2))
    await asyncio.sleep(0.3)
    assert lag.behind(0.2)
