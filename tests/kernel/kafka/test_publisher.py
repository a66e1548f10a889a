"""Publishing on the real broker: in order per key, acknowledged or an error."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, ProducerClosed

from services.kernel.contracts import event_id
from services.kernel.contracts.charges import CHARGES, ChargeCaptured
from services.kernel.errors import is_retryable
from services.kernel.kafka.producers import BATCH_BYTES_MAX
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, decode
from services.kernel.settings import KafkaSettings
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import Topic, topic_since_now

HEADERS = (("ce_type", b"test.made.v1"),)


def captured(message_id: UUID, number: int) -> ChargeCaptured:
    return ChargeCaptured(
        id=event_id(message_id, f"captured:{number}"),
        occurred_at=datetime.now(UTC),
        tenant_id=uuid4(),
        message_id=message_id,
        amount_micros=number,
        currency="RUB",
        is_late=False,
    )


@pytest.fixture
async def charges(infrastructure: Infrastructure) -> AsyncIterator[Topic]:
    async with topic_since_now(infrastructure, CHARGES.name) as topic:
        yield topic


@asynccontextmanager
async def topic_with(kafka: KafkaSettings, **configs: str) -> AsyncIterator[str]:
    name = f"kernel-test-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    topic = NewTopic(name=name, num_partitions=1, replication_factor=1, topic_configs=configs)
    await admin.create_topics([topic])
    yield name
    await admin.delete_topics([name])
    await admin.close()


@asynccontextmanager
async def impatient(kafka: KafkaSettings) -> AsyncIterator[Publisher]:
    publisher = Publisher(kafka, client_id="test", delivery_timeout_seconds=2)
    publisher.start()
    yield publisher
    await publisher.stop()


async def test_facts_of_one_key_keep_their_order_and_their_partition(publisher: Publisher, charges: Topic) -> None:
    messages = [uuid4() for _ in range(20)]
    events = [captured(message, number) for number in range(100) for message in messages]
    await publisher.publish(events[:700])
    await publisher.publish(events[700:])
    numbers: dict[UUID, list[int]] = defaultdict(list)
    places: dict[UUID, set[int]] = defaultdict(set)
    for record in await charges.read():
        event = decode(record.headers, record.value)
        if isinstance(event, ChargeCaptured) and event.message_id in messages:
            numbers[event.message_id].append(event.amount_micros)
            places[event.message_id].add(record.partition)
            assert record.key == str(event.message_id).encode()
    assert all(numbers[message] == list(range(100)) for message in messages)
    assert all(len(places[message]) == 1 for message in messages)


async def test_more_than_one_batch_of_bytes_goes_out_whole_and_in_order(publisher: Publisher, charges: Topic) -> None:
    key = uuid4().bytes
    values = [bytes([number]) * 50_000 for number in range(40)]
    await publisher.send([Record(CHARGES.name, key, value, HEADERS) for value in values])
    assert [record.value for record in await charges.read() if record.key == key] == values


async def test_nothing_is_nothing(publisher: Publisher) -> None:
    await publisher.publish([])


async def test_a_fact_carries_what_any_tool_can_read(publisher: Publisher, charges: Topic) -> None:
    event = captured(uuid4(), 7)
    await publisher.publish([event])
    (record,) = [record for record in await charges.read() if record.key == event.partition_key]
    headers = dict(record.headers)
    assert headers["ce_type"] == b"charge.captured.v1"
    assert (headers["ce_id"], headers["ce_source"]) == (str(event.id).encode(), b"/vestnik/billing")


async def test_facts_that_nobody_acknowledges_are_an_outage_and_later_ones_go_out_all_the_same(
    infrastructure: Infrastructure, charges: Topic
) -> None:
    event = captured(uuid4(), 1)
    async with impatient(infrastructure.kafka) as publisher:
        async with topic_with(infrastructure.kafka) as name:
            await publisher.send([Record(name, b"key", b"value", HEADERS)])
        # The topic is gone, which to a producer is a broker that is not ready yet.
        with pytest.raises(KafkaError) as failed:
            await publisher.send([Record(name, b"key", b"value", HEADERS)])
        assert is_retryable(failed.value)
        await publisher.publish([event])
    assert event.partition_key in {record.key for record in await charges.read()}


async def test_a_record_that_the_broker_refuses_is_an_error_that_does_not_pass(
    infrastructure: Infrastructure,
) -> None:
    async with (
        topic_with(infrastructure.kafka, **{"max.message.bytes": "1000"}) as name,
        impatient(infrastructure.kafka) as publisher,
    ):
        with pytest.raises(KafkaError) as failed:
            await publisher.send([Record(name, b"key", b"v" * 5_000, HEADERS)])
        assert not is_retryable(failed.value)
        # aiokafka has counted it, the broker has not: the next one would be out of order, and all that follow.
        await publisher.send([Record(name, b"key", b"value", HEADERS)])


async def test_a_record_larger_than_a_batch_goes_out_alone(publisher: Publisher, charges: Topic) -> None:
    key = uuid4().bytes
    sizes = [10, BATCH_BYTES_MAX + 1, 10]
    await publisher.send([Record(CHARGES.name, key, b"v" * size, HEADERS) for size in sizes])
    assert [len(record.value) for record in await charges.read() if record.key == key] == sizes


async def test_a_topic_that_does_not_exist_is_an_error(infrastructure: Infrastructure) -> None:
    async with impatient(infrastructure.kafka) as publisher:
        with pytest.raises((KafkaError, TimeoutError)):
            await publisher.send([Record(f"nowhere-{uuid4().hex}", b"key", b"value", HEADERS)])


async def test_it_knows_whether_the_broker_answers(infrastructure: Infrastructure) -> None:
    publisher = Publisher(infrastructure.kafka, client_id="test")
    assert not await publisher.can_reach_broker()
    publisher.start()
    assert await publisher.can_reach_broker()
    await publisher.stop()
    assert not await publisher.can_reach_broker()


async def test_a_broker_that_is_not_there_is_an_outage_of_each_send_and_leaves_nothing_behind() -> None:
    before = len(asyncio.all_tasks())
    publisher = Publisher(KafkaSettings(bootstrap_servers="127.0.0.1:1"), client_id="test")
    publisher.start()
    with pytest.raises(KafkaError) as failed:
        await publisher.send([Record("anywhere", b"key", b"value", HEADERS)])
    assert is_retryable(failed.value)
    await publisher.stop()
    assert len(asyncio.all_tasks()) == before


async def test_after_its_end_it_sends_nothing(infrastructure: Infrastructure) -> None:
    publisher = Publisher(infrastructure.kafka, client_id="test")
    publisher.start()
    await publisher.stop()
    with pytest.raises(ProducerClosed):
        await publisher.send([Record(CHARGES.name, b"key", b"value", HEADERS)])
