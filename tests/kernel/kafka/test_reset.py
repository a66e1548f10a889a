"""A link that is reset under uvloop, which refuses to write where asyncio's own loop is silent."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection

from services.kernel.contracts.charges import CHARGES
from services.kernel.kafka import clients
from tests.fixtures.infrastructure import Infrastructure

PATIENCE_SECONDS = 10
# uvloop closes a connection one turn after it is lost, and aiokafka hears of it two turns later.
TURNS_OF_THE_LOOP = range(5)


@pytest.mark.parametrize("turns", TURNS_OF_THE_LOOP)
def test_a_client_whose_connection_was_reset_still_learns_who_leads(infrastructure: Infrastructure, turns: int) -> None:
    async def asks_again(client: AIOKafkaClient) -> None:
        for connection in connections_of(client):
            reset(connection)
        for _ in range(turns):
            await asyncio.sleep(0)
        await client._metadata_update(client.cluster, [CHARGES.name])
        assert await client.force_metadata_update()

    under_uvloop(infrastructure, asks_again)


def under_uvloop(infrastructure: Infrastructure, story: Callable[[AIOKafkaClient], Awaitable[None]]) -> None:
    async def with_a_client() -> None:
        producer = AIOKafkaProducer(**clients.options(infrastructure.kafka))
        await producer.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await producer.client.force_metadata_update()  # the client has a connection now
                await story(producer.client)
        finally:
            await producer.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(with_a_client())


def reset(connection: AIOKafkaConnection) -> None:
    """The connection is lost to the peer's reset: an abort of our own would tell the protocol of an orderly end."""
    lose = connection._protocol.connection_lost
    connection._protocol.connection_lost = lambda _: lose(ConnectionResetError())
    connection._writer.transport.abort()


def connections_of(client: AIOKafkaClient) -> list[AIOKafkaConnection]:
    connections: dict[Any, AIOKafkaConnection] = client._conns
    assert connections
    return list(connections.values())
