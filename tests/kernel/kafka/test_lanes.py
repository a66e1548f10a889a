"""Two lanes in one topic, on the real broker: a mailing never stands before a reply, and order holds within a lane."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.contracts import EVENT_TYPES, TOPICS, Event, Topic
from services.kernel.contracts.base import event
from services.kernel.contracts.messages import MESSAGES, MessageAccepted
from services.kernel.contracts.outcomes import MessageFailed
from services.kernel.db import Database
from services.kernel.kafka import lanes, outbox
from services.kernel.kafka.consumer import Consumer, Received
from services.kernel.kafka.outbox import Relay
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.reader import EXPRESS_MAX, LANED_BATCH_MAX
from services.kernel.kafka.record import Record, _form
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure
from tests.kernel.kafka.test_consumer import running, until

MAILING = 20_000
REPLIES = 10
ROUNDS = 10


class Spoken(Event, frozen=True, kw_only=True):
    """A fact of a test."""

    person: str
    lane: str
    number: int


class Members:
    """What the members of one group saw, batch by batch in the order of their beginning."""

    def __init__(self, topic: Topic, *, batch_seconds: float = 0.0) -> None:
        self.group = f"gateway.test-{uuid4().hex[:8]}"
        self._topic = topic
        self._batch_seconds = batch_seconds
        self.batches: list[list[Spoken]] = []
        self.lanes: dict[str, set[str]] = defaultdict(set)

    @property
    def seen(self) -> list[Spoken]:
        return [fact for batch in self.batches for fact in batch]

    def have_seen(self, facts: Sequence[Spoken]) -> bool:
        return {fact.id for fact in facts} <= {fact.id for fact in self.seen}

    def consumer(self, member: str = "one") -> Consumer:
        async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> list[Event]:
            facts = [received.event for received in batch if isinstance(received.event, Spoken)]
            self.batches.append(facts)
            self.lanes[member] |= {fact.lane for fact in facts}
            await asyncio.sleep(self._batch_seconds)
            return []

        return Consumer(group=self.group, topic=self._topic, events=(Spoken,), handle=handle)

    def batch_of(self, fact: Spoken) -> int | None:
        return next((number for number, batch in enumerate(self.batches) if fact in batch), None)


@asynccontextmanager
async def own_topic(infrastructure: Infrastructure, partitions: int) -> AsyncIterator[Topic]:
    name = f"kernel-lanes-{uuid4().hex[:8]}"
    topic = Topic(name=name, owner="gateway", consumers=frozenset({"gateway"}), purpose="A test's own.")
    type_ = f"test.spoken_{''.join(chr(97 + int(c, 16)) for c in name[-8:])}.v1"
    event(topic, type_, key="person")(Spoken)
    admin = AIOKafkaAdminClient(bootstrap_servers=infrastructure.kafka.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name=name, num_partitions=partitions, replication_factor=1)])
    try:
        yield topic
    finally:
        await admin.delete_topics([name])
        await admin.close()
        del TOPICS[name], EVENT_TYPES[type_]
        _form.cache_clear()  # the same class, in the next test's topic


def spoken(lane: str, number: int, person: str | None = None) -> Spoken:
    return Spoken(
        id=uuid4(), occurred_at=datetime.now(UTC), tenant_id=UUID(int=1), person=person or uuid4().hex, lane=lane,
        number=number,
    )  # fmt: skip


async def publish(publisher: Publisher, facts: Sequence[Event]) -> None:
    for start in range(0, len(facts), 2_000):
        await publisher.publish(facts[start : start + 2_000])


@pytest.fixture(scope="module")
async def template(infrastructure: Infrastructure) -> str:
    return await servers.make_template(infrastructure, "gateway", Path("tests/kernel/migrations"))


@pytest.fixture
async def database(infrastructure: Infrastructure, template: str) -> AsyncIterator[Database]:
    async with servers.fresh_database(infrastructure, "gateway", template) as database:
        yield database


@pytest.mark.parametrize("partitions", [2, 3, 6])
async def test_a_reply_waits_for_no_more_than_one_batch_of_a_mailing(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, partitions: int
) -> None:
    async with own_topic(infrastructure, partitions) as topic:
        await publish(publisher, [spoken("bulk", number) for number in range(MAILING)])
        members = Members(topic, batch_seconds=0.02)
        async with running(infrastructure, database, publisher, members.consumer()):
            for number in range(REPLIES):
                begun = len(members.batches)
                await until(lambda begun=begun: len(members.batches) > begun + 2)  # type: ignore[misc]  # a default
                reply = spoken("express", number)
                await publisher.publish([reply])
                in_work = len(members.batches) - 1
                await until(lambda reply=reply: members.batch_of(reply) is not None)  # type: ignore[misc]  # a default
                waited = (members.batch_of(reply) or 0) - in_work - 1
                assert waited <= 1, f"{waited} batches went before it"
            assert len(members.seen) < MAILING, "the mailing had ended, which proves nothing"


async def test_a_flood_of_replies_leaves_room_for_the_rest(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    async with own_topic(infrastructure, 3) as topic:
        replies = [spoken("express", number) for number in range(16 * EXPRESS_MAX)]
        await publish(publisher, [*replies, *(spoken("bulk", number) for number in range(100))])
        members = Members(topic)
        async with running(infrastructure, database, publisher, members.consumer()):
            await until(lambda: len(members.seen) == len(replies) + 100)
        order = [fact.lane for fact in members.seen]
        assert max(map(len, members.batches)) <= LANED_BATCH_MAX
        assert len(order) - order[::-1].index("bulk") < len(order) - EXPRESS_MAX, "the rest came last"


@pytest.mark.parametrize("partitions", [1, 3, 6])
async def test_order_holds_for_a_key_within_its_lane(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, partitions: int
) -> None:
    people = [uuid4().hex for _ in range(20)]
    facts = [spoken(lane, n, person) for n in range(60) for person in people for lane in ("bulk", "express")]
    async with own_topic(infrastructure, partitions) as topic:
        await publish(publisher, facts)
        members = Members(topic)
        async with running(infrastructure, database, publisher, members.consumer()):
            await until(lambda: len(members.seen) >= len(facts))
        numbers = defaultdict(list)
        for fact in members.seen:
            numbers[fact.person, fact.lane].append(fact.number)
        assert all(found == list(range(60)) for found in numbers.values())
        assert len(numbers) == 40


async def test_members_of_which_each_has_one_lane_only_take_everything(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    async with own_topic(infrastructure, 2) as topic, AsyncExitStack() as stack:
        members = Members(topic)
        for name in ("one", "two"):
            await stack.enter_async_context(running(infrastructure, database, publisher, members.consumer(name)))
        for number in range(ROUNDS):  # the second member may still be on its way in
            members.lanes.clear()
            facts = [spoken(lane, number) for lane in ("bulk", "express") for _ in range(300)]
            await publish(publisher, facts)
            await until(partial(members.have_seen, facts))
            if sorted(map(sorted, members.lanes.values())) == [["bulk"], ["express"]]:
                break
        else:
            pytest.fail("no member ever had one lane to itself")


def test_the_first_third_of_the_partitions_is_for_replies_and_at_least_one() -> None:
    counts = {n: lanes.express_count(MESSAGES.name, n) for n in (1, 2, 3, 5, 6, 12)}
    assert counts == {1: 0, 2: 1, 3: 1, 5: 1, 6: 2, 12: 4}
    assert lanes.express_count("charges", 6) == 0, "its facts have no lane"


def test_a_fact_goes_to_a_partition_of_its_lane_and_one_without_to_the_rest() -> None:
    keys = [uuid4().bytes for _ in range(500)]
    for count in (2, 3, 6):
        express = lanes.express_count(MESSAGES.name, count)
        chosen = {
            is_express: {
                lanes.split(MESSAGES.name, count).partition_of(Record(MESSAGES.name, key, b"", (), is_express))
                for key in keys
            }
            for is_express in (True, False)
        }
        assert chosen == {True: set(range(express)), False: set(range(express, count))}
    assert {lanes.split("charges", 3).partition_of(Record("charges", key, b"", ())) for key in keys} == {0, 1, 2}
    assert {lanes.split(MESSAGES.name, 1).partition_of(Record(MESSAGES.name, key, b"", (), True)) for key in keys} == {
        0
    }


def test_facts_of_messages_say_their_lane_where_somebody_waits_for_them() -> None:
    assert lanes.is_laned(MessageAccepted)
    assert not lanes.is_laned(MessageFailed)


async def test_a_fact_out_of_the_database_takes_its_lane_too(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    async with own_topic(infrastructure, 2) as topic:
        members = Members(topic)
        places: dict[str, set[int]] = defaultdict(set)

        async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> list[Event]:
            for received in batch:
                assert isinstance(received.event, Spoken)
                places[received.event.lane].add(received.partition)
            return []

        facts = [spoken(lane, n) for n in range(20) for lane in ("bulk", "express")]
        async with database.transaction() as connection:
            await outbox.add(connection, facts)
        assert await Relay(database, publisher).move_batch() == len(facts)
        consumer = Consumer(group=members.group, topic=topic, events=(Spoken,), handle=handle)
        async with running(infrastructure, database, publisher, consumer):
            await until(lambda: len(places) == 2)
        assert places == {"express": {0}, "bulk": {1}}
