"""A broker that stopped in order leaves its clients with partitions that nobody leads: they ask seldom, and go on."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import aiokafka.client
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from services.kernel.contracts.charges import CHARGES
from services.kernel.errors import is_retryable
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import Record
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import topic_since_now

PATIENCE_SECONDS = 3.0
LOOKED_FOR_SECONDS = 2.0
ASKED_MAX = 10  # at one in half a second; without a rest between them it is a thousand a second


@pytest.fixture
async def publisher(infrastructure: Infrastructure) -> AsyncIterator[Publisher]:
    publisher = Publisher(infrastructure.kafka, client_id="test", delivery_timeout_seconds=PATIENCE_SECONDS)
    publisher.start()
    await publisher.send([record()])
    yield publisher
    await publisher.stop()


def record() -> Record:
    """All of one partition: a gap in the producer's numbers is a gap of one partition."""
    return Record(CHARGES.name, b"key", uuid4().bytes, (("ce_type", b"test.made.v1"),))


def producer_of(publisher: Publisher) -> AIOKafkaProducer:
    assert publisher._producer is not None
    return publisher._producer


@contextmanager
def stopped_in_order(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Nobody leads, and connections are refused; yields what was tried."""
    client, tried = producer_of(publisher).client, list[str]()

    async def refuse(host: str, _port: int, **_how: Any) -> Any:
        tried.append(host)
        raise ConnectionRefusedError

    with monkeypatch.context() as down:
        down.setattr(aiokafka.client, "create_conn", refuse)
        partitions = client.cluster._partitions[CHARGES.name]
        partitions |= {number: known._replace(leader=-1) for number, known in partitions.items()}
        for connection in list(client._conns.values()):
            connection.close()
        yield tried


async def test_it_asks_for_a_leader_twice_a_second_and_writes_when_there_is_one(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stopped_in_order(publisher, monkeypatch) as tried:
        waiting = asyncio.create_task(publisher.send([record()]))
        await asyncio.sleep(LOOKED_FOR_SECONDS)
        assert 0 < len(tried) <= ASKED_MAX
        assert not waiting.done()
    await waiting


async def test_it_rests_too_when_a_broker_answers_that_nobody_leads(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, asked = producer_of(publisher).client.cluster, list[object]()
    with stopped_in_order(publisher, monkeypatch):
        monkeypatch.setattr(cluster, "update_metadata", asked.append)
    waiting = asyncio.create_task(publisher.send([record()]))
    await asyncio.sleep(LOOKED_FOR_SECONDS)
    assert 0 < len(asked) <= ASKED_MAX
    monkeypatch.undo()
    await waiting


async def test_after_an_outage_longer_than_its_patience_it_writes_again_and_nothing_that_it_refused(
    publisher: Publisher, infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, taken = [record(), record()], [record(), record()]
    async with topic_since_now(infrastructure, CHARGES.name) as topic:
        with stopped_in_order(publisher, monkeypatch):
            for failed in await asyncio.gather(*(publisher.send([one]) for one in refused), return_exceptions=True):
                assert isinstance(failed, KafkaError)
                assert is_retryable(failed)
        for one in taken:
            await publisher.send([one])
        written = {found.value for found in await topic.read()}
    assert {one.value for one in taken} <= written
    assert not {one.value for one in refused} & written


async def test_while_the_broker_is_away_it_fails_at_once_and_tries_twice_a_second(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stopped_in_order(publisher, monkeypatch) as tried:
        with pytest.raises(KafkaError):
            await publisher.send([record()])
        tried.clear()
        for _ in range(100):
            with pytest.raises(KafkaConnectionError):
                await publisher.send([record()])
            await asyncio.sleep(LOOKED_FOR_SECONDS / 100)
        assert 0 < len(tried) <= ASKED_MAX
        with pytest.raises(KafkaError):
            await publisher.can_reach_broker()


async def test_a_sender_that_died_is_replaced(publisher: Publisher) -> None:
    before = producer_of(publisher)
    before._sender.sender_task.cancel()
    await asyncio.wait([before._sender.sender_task])
    await publisher.send([record()])
    assert producer_of(publisher) is not before
