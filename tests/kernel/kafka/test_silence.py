"""A connection to the broker that is open and on which nobody answers is given up, and a new one takes its place."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aiokafka.client
import pytest
from aiokafka import ConsumerRebalanceListener
from sqlalchemy.ext.asyncio import AsyncConnection

from services.kernel.contracts import Event
from services.kernel.contracts.charges import CHARGES, ChargeCaptured
from services.kernel.kafka import clients
from services.kernel.kafka.consumer import Consumer, Received
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.reader import Reader
from services.kernel.kafka.record import Record
from services.kernel.settings import KafkaSettings
from tests.chaos.links.faults import HALF_OPEN, LinkFault
from tests.chaos.links.process import LinkHandle, LinkProcess
from tests.fixtures.infrastructure import Infrastructure

SILENCE_MS = 2_000
GIVEN_UP_SECONDS = 7.0
HEADERS = (("ce_type", b"test.made.v1"),)


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    async def on_partitions_revoked(self, revoked: object) -> None:
        """Nothing is under way."""

    async def on_partitions_assigned(self, assigned: object) -> None:
        """The positions are the group's."""


@pytest.fixture
def link() -> Iterator[LinkHandle]:
    with LinkProcess() as process:
        yield process.link("kafka")


@pytest.fixture
def kafka(infrastructure: Infrastructure, link: LinkHandle, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    """The broker behind a link, also where the broker itself says how it is reached."""
    host, _, port = infrastructure.kafka.bootstrap_servers.partition(":")
    door, connect = link.door((host, int(port))), aiokafka.client.create_conn

    async def through_the_link(_host: str, _port: int, **how: Any) -> Any:
        return await connect("127.0.0.1", door, **how)

    monkeypatch.setattr(aiokafka.client, "create_conn", through_the_link)
    monkeypatch.setattr(clients, "SILENCE_MS", SILENCE_MS)
    return KafkaSettings(bootstrap_servers=f"127.0.0.1:{door}")


@asynccontextmanager
async def reading(kafka: KafkaSettings) -> AsyncIterator[Reader]:
    async def handle(_connection: AsyncConnection, _batch: Sequence[Received]) -> list[Event]:
        return []

    group = f"dashboard.test-{uuid4().hex[:8]}"
    consumer = Consumer(group=group, topic=CHARGES, events=(ChargeCaptured,), handle=handle)
    reader = Reader(consumer, kafka, member="test")
    await reader.start(Listener())
    await reader.client.seek_to_end()
    try:
        yield reader
    finally:
        await reader.client.stop()


async def wait_for_key(reader: Reader, key: bytes) -> None:
    while True:
        for raws in (await reader.read(0.2)).values():
            if key in {raw.key for raw in raws}:
                return


async def test_a_consumer_whose_broker_forgot_the_connection_reads_on(
    kafka: KafkaSettings, link: LinkHandle, publisher: Publisher
) -> None:
    async with reading(kafka) as reader:
        await reader.read(0.5)  # its next question to the broker is under way
        async with link.fault(LinkFault(HALF_OPEN)):
            key = uuid4().bytes
            await publisher.send([Record(CHARGES.name, key, b"value", HEADERS)])
            await asyncio.wait_for(wait_for_key(reader, key), GIVEN_UP_SECONDS)


async def test_a_publisher_whose_broker_forgot_the_connection_writes_all_the_same(
    kafka: KafkaSettings, link: LinkHandle, infrastructure: Infrastructure
) -> None:
    publisher = Publisher(kafka, client_id="test")
    publisher.start()
    try:
        await publisher.send([Record(CHARGES.name, b"key", b"value", HEADERS)])
        async with link.fault(LinkFault(HALF_OPEN)):
            sending = publisher.send([Record(CHARGES.name, b"key", b"value", HEADERS)])
            await asyncio.wait_for(sending, GIVEN_UP_SECONDS)
    finally:
        await publisher.stop()
