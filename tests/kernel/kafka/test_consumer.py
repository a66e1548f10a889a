"""Consuming on the real broker: batches, outcomes, redelivery, members that come and go."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel import metrics
from services.kernel.contracts import Event, event_id
from services.kernel.contracts.charges import CHARGES, ChargeCaptured
from services.kernel.contracts.statuses import STATUSES, ReportedStatus, StatusReported
from services.kernel.contracts.tenants import TENANTS
from services.kernel.db import Database
from services.kernel.kafka import inbox
from services.kernel.kafka.consumer import Consumer, ConsumerHalted, Received
from services.kernel.kafka.loop import COMMIT_SECONDS, ConsumerLoop
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record, encode
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure

PATIENCE_SECONDS = 30
WITHOUT_WRITES_SECONDS = 2.0
OUTAGE_SECONDS = 7.0


def captured(tenant_id: UUID, number: int = 0) -> ChargeCaptured:
    message_id = uuid4()
    return ChargeCaptured(
        id=event_id(message_id, "captured"),
        occurred_at=datetime.now(UTC),
        tenant_id=tenant_id,
        message_id=message_id,
        amount_micros=number,
        currency="RUB",
        is_late=False,
    )


class Reader:
    """A handler that writes down what it saw of one tenant (topics are shared by all tests)."""

    def __init__(self, tenant_id: UUID, group: str | None = None) -> None:
        self.tenant_id = tenant_id
        self.group = group or f"dashboard.test-{uuid4().hex[:8]}"
        self.seen: list[UUID] = []
        self.first: list[UUID] = []
        self.fail: Callable[[Received], Exception | None] = lambda received: None
        self.is_broken = False

    async def handle(self, connection: AsyncConnection, batch: Sequence[Received]) -> list[Event]:
        if self.is_broken:
            raise ValueError("a bad build")
        ours = [received for received in batch if received.event.tenant_id == self.tenant_id]
        for received in ours:
            if error := self.fail(received):
                raise error
        first = await inbox.first_sight(connection, self.group, [received.event for received in ours])
        self.seen += [received.event.id for received in ours]
        self.first += list(first)
        return []

    def consumer(self) -> Consumer:
        return Consumer(group=self.group, topic=CHARGES, events=(ChargeCaptured,), handle=self.handle)


@asynccontextmanager
async def running(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, consumer: Consumer
) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    loop = ConsumerLoop(consumer, infrastructure.kafka, database, publisher, member="test")
    task = asyncio.create_task(loop.run(stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(PATIENCE_SECONDS * 20):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")


@pytest.fixture(scope="module")
async def template(infrastructure: Infrastructure) -> str:
    return await servers.make_template(infrastructure, "gateway", Path("tests/kernel/migrations"))


@pytest.fixture
async def database(infrastructure: Infrastructure, template: str) -> AsyncIterator[Database]:
    async with servers.fresh_database(infrastructure, "gateway", template) as database:
        yield database


async def test_a_new_group_starts_at_the_beginning_and_a_restart_sees_nothing_twice(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    events = [captured(tenant_id, n) for n in range(300)]
    await publisher.publish(events)
    reader = Reader(tenant_id)
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: len(reader.seen) >= 300)
    again = Reader(tenant_id, reader.group)
    late = captured(tenant_id)
    await publisher.publish([late])
    async with running(infrastructure, database, publisher, again.consumer()):
        await until(lambda: late.id in again.seen)
    assert sorted(reader.seen, key=str) == sorted((event.id for event in events), key=str)
    assert again.seen == [late.id]


async def test_the_same_fact_twice_is_first_seen_once(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    event = captured(tenant_id)
    await publisher.publish([event, event])
    reader = Reader(tenant_id)
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: len(reader.seen) >= 2)
    assert reader.first == [event.id]


async def test_only_the_bad_record_of_a_batch_goes_to_the_dead_letters_with_its_origin(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    events = [captured(tenant_id, n) for n in range(40)]
    bad = events[17]
    reader = Reader(tenant_id)
    reader.fail = lambda received: ValueError("no good") if received.event.id == bad.id else None
    await publisher.publish(events)
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: len(set(reader.seen)) >= 39)
    letter = await dead_letter_of(infrastructure, reader.group, "ValueError")
    assert letter["ce_id"] == str(bad.id)
    assert (letter["dead_topic"], letter["dead_error"]) == ("charges", "ValueError")
    assert int(letter["dead_attempts"]) > 1, "it was tried in its batch, and alone"
    assert letter["dead_offset"].isdigit()
    assert bad.id not in reader.seen


async def test_a_record_that_cannot_be_decoded_is_dead_and_the_rest_goes_on(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    event = captured(tenant_id)
    garbage = msgspec.structs.replace(encode(event), value=b'{"no": "such shape"}')
    newer = msgspec.structs.replace(encode(event), headers=(("ce_type", b"charge.captured.v99"), ("ce_id", b"newer")))
    foreign = Record("charges", b"k", b"{}", (("ce_type", b"weather.changed.v1"),))
    await publisher.send([garbage, newer, foreign])
    await publisher.publish([event])
    reader = Reader(tenant_id)
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: event.id in reader.seen)
    letter = await dead_letter_of(infrastructure, reader.group, "Undecodable")
    assert letter["dead_error"] == "Undecodable"


async def test_an_outage_is_waited_out_and_never_buried(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    event = captured(tenant_id)
    failures = iter([OSError("down"), OSError("still down"), OSError("a moment more")])
    reader = Reader(tenant_id)
    reader.fail = lambda received: next(failures, None)
    await publisher.publish([event])
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: event.id in reader.seen)
    assert next(failures, None) is None
    assert reader.first == [event.id]


async def test_soon_after_an_outage_its_consumer_goes_on(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    event = captured(tenant_id)
    tried: list[float] = []

    def is_down(_received: Received) -> OSError | None:
        tried.append(time.monotonic())
        return OSError("down") if tried[-1] < tried[0] + OUTAGE_SECONDS else None

    reader = Reader(tenant_id)
    reader.fail = is_down
    await publisher.publish([event])
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: event.id in reader.seen)
    assert tried[-1] - tried[0] < OUTAGE_SECONDS + 3


async def test_a_database_that_takes_no_writes_is_waited_for_and_nothing_is_buried(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    first, second = captured(tenant_id), captured(tenant_id)
    reader = Reader(tenant_id)
    async with running(infrastructure, database, publisher, reader.consumer()):
        await publisher.publish([first])
        await until(lambda: first.id in reader.seen)
        await new_sessions(infrastructure, database, "set default_transaction_read_only = on")
        await publisher.publish([second])
        await asyncio.sleep(WITHOUT_WRITES_SECONDS)
        assert second.id not in reader.seen
        await new_sessions(infrastructure, database, "reset default_transaction_read_only")
        await until(lambda: second.id in reader.seen)


async def new_sessions(infrastructure: Infrastructure, database: Database, change: str) -> None:
    """Change the database for whoever connects from now on, and let everybody connect anew."""
    name = database.engine.url.database
    await servers._as_superuser(infrastructure, f'alter database "{name}" {change}')
    await servers._as_superuser(
        infrastructure, f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
    )


async def test_when_everything_fails_the_consumer_halts_with_the_offset_uncommitted(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    events = [captured(tenant_id, n) for n in range(60)]
    reader = Reader(tenant_id)
    reader.is_broken = True
    await publisher.publish(events)
    async with running(infrastructure, database, publisher, reader.consumer()) as task:
        with pytest.raises(ConsumerHalted, match="dead letters in a row"):
            await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS)
    repaired = Reader(tenant_id, reader.group)
    async with running(infrastructure, database, publisher, repaired.consumer()):
        await until(lambda: len(set(repaired.seen)) == 60)


async def test_many_bad_records_among_good_ones_are_no_run_of_them(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    events = [captured(tenant_id, n) for n in range(60)]
    good = [msgspec.structs.replace(encode(event), key=b"one partition") for event in events]
    bad = [msgspec.structs.replace(record, value=b'{"no": "such shape"}') for record in good[::2]]
    await publisher.send([record for pair in zip(good[:30], bad, strict=True) for record in pair] + good[30:])
    reader = Reader(tenant_id)
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: len(set(reader.seen)) == 60)


async def test_two_members_share_the_work_and_effects_are_once(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    group = f"dashboard.test-{uuid4().hex[:8]}"
    first, second = Reader(tenant_id, group), Reader(tenant_id, group)
    events = [captured(tenant_id, n) for n in range(1200)]
    async with running(infrastructure, database, publisher, first.consumer()):
        await publisher.publish(events[:400])
        await until(lambda: len(set(first.seen)) >= 100)
        async with running(infrastructure, database, publisher, second.consumer()):
            for start in range(400, 1200, 50):
                await publisher.publish(events[start : start + 50])
                await asyncio.sleep(0.3)
            await until(lambda: len({*first.seen, *second.seen}) == 1200)
            assert second.seen, "the second member got no partition"
    assert sorted(first.first + second.first, key=str) == sorted((event.id for event in events), key=str)


async def test_an_offset_that_is_out_of_range_halts_a_known_group(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    reader = Reader(tenant_id)
    await publisher.publish([captured(tenant_id)])
    async with running(infrastructure, database, publisher, reader.consumer()):
        await until(lambda: len(reader.seen) == 1)
    client = AIOKafkaConsumer(bootstrap_servers=infrastructure.kafka.bootstrap_servers, group_id=reader.group)
    await client.start()
    places = [TopicPartition("charges", n) for n in await client._client._wait_on_metadata("charges")]
    client.assign(places)
    await client.commit(dict.fromkeys(places, 10_000_000))
    await client.stop()
    async with running(infrastructure, database, publisher, reader.consumer()) as task:
        with pytest.raises(ConsumerHalted, match="OffsetOutOfRange"):
            await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS)


async def test_a_commit_that_never_ends_halts_the_consumer_instead_of_stopping_it_silently(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = uuid4()
    reader = Reader(tenant_id)
    loop = ConsumerLoop(reader.consumer(), infrastructure.kafka, database, publisher, member="test")

    async def never(_offsets: object) -> None:
        await asyncio.Event().wait()

    async def cut_off() -> None:
        await stop()
        raise asyncio.CancelledError  # as aiokafka's own does after a commit that was given up

    stop = loop._client.stop
    monkeypatch.setattr(loop._client, "commit", never)
    monkeypatch.setattr(loop._client, "stop", cut_off)
    monkeypatch.setattr("services.kernel.kafka.loop.COMMIT_SECONDS_MAX", 0.2)
    await publisher.publish([captured(tenant_id)])
    with pytest.raises(ConsumerHalted, match="coordinator"):
        await asyncio.wait_for(loop.run(asyncio.Event()), PATIENCE_SECONDS)


async def test_a_broker_that_is_not_there_is_waited_for_and_then_read(
    infrastructure: Infrastructure, database: Database, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id, tried = uuid4(), list[str]()
    reader = Reader(tenant_id)

    async def refuse(host: str, _port: int, **_how: object) -> None:
        tried.append(host)
        raise ConnectionRefusedError

    await publisher.publish([captured(tenant_id)])
    monkeypatch.setattr("services.kernel.kafka.loop.START_AGAIN_SECONDS", 0.01)
    with monkeypatch.context() as away:
        away.setattr("aiokafka.client.create_conn", refuse)
        async with running(infrastructure, database, publisher, reader.consumer()) as task:
            await until(lambda: len(tried) > 20)
            assert not task.done()
            away.undo()
            await until(lambda: len(reader.seen) == 1)


async def test_a_rolled_back_batch_leaves_no_first_sight_row(database: Database) -> None:
    event = captured(uuid4())

    async def seen_and_failed() -> None:
        async with database.transaction() as connection:
            assert await inbox.first_sight(connection, "gateway.x", [event]) == {event.id}
            raise OSError("the process dies here")

    with pytest.raises(OSError, match="dies"):
        await seen_and_failed()
    async with database.transaction() as connection:
        assert await connection.scalar(text("select count(*) from seen")) == 0
        assert await inbox.first_sight(connection, "gateway.x", [event]) == {event.id}


def reported(tenant_id: UUID, status: ReportedStatus) -> StatusReported:
    return StatusReported(
        id=uuid4(),
        occurred_at=datetime.now(UTC),
        tenant_id=tenant_id,
        routing_key=uuid4().hex,
        message_id=uuid4(),
        wamid_index="w",
        phone_number_id="1",
        status=status,
    )


async def test_facts_of_other_subjects_and_kinds_are_passed_over_without_being_decoded(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    unread = encode(reported(tenant_id, "sent"))
    assert dict(unread.headers)["ce_subject"] == b"sent"
    foreign = msgspec.structs.replace(
        encode(captured(tenant_id)), topic=STATUSES.name, value=b"no JSON, and nobody looks"
    )
    bare = encode(reported(tenant_id, "failed"))
    bare = msgspec.structs.replace(bare, headers=tuple(header for header in bare.headers if header[0] != "ce_subject"))
    wanted = [reported(tenant_id, "delivered"), reported(tenant_id, "failed")]
    await publisher.send([msgspec.structs.replace(unread, value=b"no JSON, and nobody looks"), foreign, bare])
    await publisher.publish(wanted)
    reader = Reader(tenant_id, f"gateway.test-{uuid4().hex[:8]}")
    consumer = Consumer(
        group=reader.group,
        topic=STATUSES,
        events=(StatusReported,),
        handle=reader.handle,
        subjects=frozenset({"delivered", "failed"}),
    )
    async with running(infrastructure, database, publisher, consumer):
        await until(lambda: len(reader.seen) >= 3)
    assert {event.id for event in wanted} < set(reader.seen), "one without the header is read"
    assert metrics.DEAD_LETTERS.labels(reader.group)._value.get() == 0


def test_a_consumer_cannot_choose_subjects_of_facts_that_have_none() -> None:
    async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> list[Event]:
        return []

    with pytest.raises(AssertionError, match="no subject"):
        Consumer(
            group="dashboard.x", topic=CHARGES, events=(ChargeCaptured,), handle=handle, subjects=frozenset({"late"})
        )


async def test_what_was_handled_is_committed_soon_and_at_the_end(
    infrastructure: Infrastructure, database: Database, publisher: Publisher
) -> None:
    tenant_id = uuid4()
    reader = Reader(tenant_id)
    async with running(infrastructure, database, publisher, reader.consumer()):
        await publisher.publish([captured(tenant_id)])
        await until(lambda: len(reader.seen) == 1)
        committed = await settled_offsets(infrastructure, reader.group)
        await publisher.publish([captured(tenant_id)])
        await until(lambda: len(reader.seen) == 2)
    assert committed > 0
    assert await offsets_of(infrastructure, reader.group) == committed + 1


async def settled_offsets(infrastructure: Infrastructure, group: str) -> int:
    """What is committed when everything that others left in the topic is handled too."""
    before, now = -1, 0
    while now != before:
        await asyncio.sleep(2 * COMMIT_SECONDS + 0.5)
        before, now = now, await offsets_of(infrastructure, group)
    return now


async def offsets_of(infrastructure: Infrastructure, group: str) -> int:
    """All that a group has committed, summed up."""
    admin = AIOKafkaAdminClient(bootstrap_servers=infrastructure.kafka.bootstrap_servers)
    await admin.start()
    try:
        return sum(max(0, place.offset) for place in (await admin.list_consumer_group_offsets(group)).values())
    finally:
        await admin.close()


def test_a_consumer_of_a_topic_that_does_not_name_its_service_is_refused() -> None:
    async def handle(connection: AsyncConnection, batch: Sequence[Received]) -> list[Event]:
        return []

    with pytest.raises(AssertionError, match="no declared consumer"):
        Consumer(group="consent.money", topic=CHARGES, events=(ChargeCaptured,), handle=handle)
    with pytest.raises(AssertionError, match="foreign event"):
        Consumer(group="gateway.x", topic=TENANTS, events=(ChargeCaptured,), handle=handle)


async def dead_letter_of(infrastructure: Infrastructure, group: str, error: str) -> dict[str, str]:
    """The headers of the first dead letter of a group with this error."""
    client = AIOKafkaConsumer(
        "charges.dead", bootstrap_servers=infrastructure.kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    await client.start()
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for record in client:
                headers = {name: value.decode() for name, value in record.headers}
                if (headers.get("dead_group"), headers.get("dead_error")) == (group, error):
                    return headers
    finally:
        await client.stop()
    raise AssertionError
