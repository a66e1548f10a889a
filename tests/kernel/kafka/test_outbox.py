"""Facts born in the database: published if and only if they are committed, in order, whatever dies in between."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from services.kernel.contracts import event_id
from services.kernel.contracts.charges import CHARGES, ChargeCaptured
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS, is_retryable
from services.kernel.kafka import outbox
from services.kernel.kafka.outbox import BATCH_MAX, Relay
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, decode
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import Topic, database_down, topic_since_now


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


@pytest.fixture(scope="module")
async def template(infrastructure: Infrastructure) -> str:
    return await servers.make_template(infrastructure, "gateway", Path("tests/kernel/migrations"))


@pytest.fixture
async def database(infrastructure: Infrastructure, template: str) -> AsyncIterator[Database]:
    async with servers.fresh_database(infrastructure, "gateway", template) as database:
        yield database


@pytest.fixture
async def charges(infrastructure: Infrastructure) -> AsyncIterator[Topic]:
    async with topic_since_now(infrastructure, CHARGES.name) as topic:
        yield topic


async def put(database: Database, events: Sequence[ChargeCaptured]) -> None:
    async with database.transaction() as connection:
        await outbox.add(connection, events)


async def waiting(database: Database) -> int:
    async with database.transaction() as connection:
        return int(await connection.scalar(text("select count(*) from outbox")) or 0)


async def published(topic: Topic, message_id: UUID) -> list[int]:
    """The numbers of the message's facts, in the order in which they stand in the topic."""
    events = [decode(record.headers, record.value) for record in await topic.read() if record.headers]
    return [e.amount_micros for e in events if isinstance(e, ChargeCaptured) and e.message_id == message_id]


async def empty(database: Database, relay: Relay) -> None:
    while await waiting(database):
        await relay.move_batch()


async def test_a_fact_is_published_as_it_was_and_leaves_the_outbox(
    database: Database, publisher: Publisher, charges: Topic
) -> None:
    event = captured(uuid4(), 7)
    await put(database, [event])
    assert await Relay(database, publisher).move_batch() == 1
    assert await waiting(database) == 0
    (record,) = [record for record in await charges.read() if record.key == event.partition_key]
    assert decode(record.headers, record.value) == event
    assert dict(record.headers)["ce_id"] == str(event.id).encode()


async def test_a_fact_of_a_transaction_that_fails_is_never_published(database: Database, publisher: Publisher) -> None:
    with suppress(ValueError):
        async with database.transaction() as connection:
            await outbox.add(connection, [captured(uuid4(), 1)])
            raise ValueError
    assert (await waiting(database), await Relay(database, publisher).move_batch()) == (0, 0)


async def test_two_relays_at_once_publish_each_fact_once_and_in_order(
    database: Database, publisher: Publisher, charges: Topic
) -> None:
    message_id, count = uuid4(), 3 * BATCH_MAX + 7
    for at in range(0, count, 100):
        await put(database, [captured(message_id, number) for number in range(at, min(at + 100, count))])
    await asyncio.gather(*(empty(database, Relay(database, publisher)) for _ in range(2)))
    assert await published(charges, message_id) == list(range(count))


async def test_facts_that_come_while_relays_run_keep_their_order(
    database: Database, publisher: Publisher, charges: Topic
) -> None:
    message_id, stop = uuid4(), asyncio.Event()
    relays = [Relay(database, publisher) for _ in range(2)]
    running = [asyncio.create_task(relay.run(stop)) for relay in relays]
    for number in range(50):
        await put(database, [captured(message_id, number)])
        relays[number % 2].wake()
    async with asyncio.timeout(20):
        while await waiting(database):  # noqa: ASYNC110 - the relays' doing
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*running)
    assert await published(charges, message_id) == list(range(50))


class Crashing(Publisher):
    """A real publisher whose relay loses its database right after the broker's acknowledgement."""

    def __init__(self, infrastructure: Infrastructure, database: Database) -> None:
        super().__init__(infrastructure.kafka, client_id="test")
        self._infrastructure = infrastructure
        self._name = str(database.engine.url.database)

    async def send(self, records: Sequence[Record]) -> None:
        await super().send(records)
        await servers._as_superuser(
            self._infrastructure,
            f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{self._name}'",
        )


async def test_a_crash_between_publishing_and_deleting_publishes_again_under_the_same_ids(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, charges: Topic
) -> None:
    message_id = uuid4()
    events = [captured(message_id, number) for number in range(20)]
    await put(database, events)
    crashing = Crashing(infrastructure, database)
    crashing.start()
    with pytest.raises(DEPENDENCY_ERRORS) as crash:
        await Relay(database, crashing).move_batch()
    await crashing.stop()
    assert is_retryable(crash.value)
    assert await waiting(database) == 20
    await empty(database, Relay(database, publisher))
    records = [record for record in await charges.read() if record.key == events[0].partition_key]
    ids = Counter(dict(record.headers)["ce_id"].decode() for record in records)
    assert ids == {str(event.id): 2 for event in events}


async def test_a_relay_waits_out_an_outage_of_its_database_and_loses_nothing(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, charges: Topic
) -> None:
    message_id, stop = uuid4(), asyncio.Event()
    relay = Relay(database, publisher)
    running = asyncio.create_task(relay.run(stop))
    async with database_down(infrastructure, database):
        await asyncio.sleep(0.5)
        assert not running.done()
    await put(database, [captured(message_id, number) for number in range(5)])
    async with asyncio.timeout(20):
        while await waiting(database):  # noqa: ASYNC110 - the relay's doing
            await asyncio.sleep(0.02)
    stop.set()
    await running
    assert await published(charges, message_id) == list(range(5))
