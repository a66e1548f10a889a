"""One producer of aiokafka's, from its start to its end; what it does not do by itself when a broker is away."""

import asyncio
from collections.abc import Collection

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaTimeoutError

from services.kernel.kafka import clients
from services.kernel.settings import KafkaSettings

# aiokafka keeps one request in flight per broker, so a batch must be large to be fast.
BATCH_BYTES_MAX = 512 * 1024
CANCEL_AGAIN_SECONDS = 0.1


async def start(settings: KafkaSettings, *, client_id: str, patience_seconds: float) -> AIOKafkaProducer:
    """A connected, idempotent producer; a batch waits `patience_seconds` for a broker."""
    options = clients.options(settings)
    producer = AIOKafkaProducer(
        **options | {"request_timeout_ms": int(patience_seconds * 1000)},
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES_MAX,
    )
    # aiokafka has one number for both: what waits to be sent may wait longer than a request for its answer.
    producer.client._request_timeout_ms = options["request_timeout_ms"]
    _rest_without_leaders(producer.client)
    try:
        await producer.start()
    except BaseException:
        await producer.stop()
        raise
    return producer


def is_alive(producer: AIOKafkaProducer) -> bool:
    """False once aiokafka's sender has died: later sends would hang (aio-libs/aiokafka#1039)."""
    return not producer._sender.sender_task.done()


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close without delivering what waits: whoever sent it is told that it failed."""
    producer._closed = True
    accumulator, sender = producer._message_accumulator, producer._sender.sender_task
    waiting = accumulator._pending_batches
    for batches in accumulator._batches.values():
        waiting.update(batches)  # aiokafka forgets to, and misses them there when they end
    accumulator._batches.clear()
    accumulator.fail_all(KafkaTimeoutError("given up together with an earlier batch"))
    for batch in waiting:
        batch.future.exception()  # seen: a sender that gave up does not ask for it
    while not sender.done():
        sender.cancel()  # the second time it is the request that the sender waits for
        await asyncio.wait([sender], timeout=CANCEL_AGAIN_SECONDS)
    await producer.client.close()


def _rest_without_leaders(client: AIOKafkaClient) -> None:
    """Let `client` ask for metadata once in RETRY_MS while no broker answers, or a partition has no leader.

    A broker that stops in order says so to all: they know it as nobody's leader then. aiokafka's sender asks again at
    once as long as it waits for a leader, and a refused connection is an answer at once: a core, and a full log.
    """
    ask = client._metadata_update

    async def ask_and_rest(cluster: ClusterMetadata, topics: Collection[str] | None) -> bool:
        is_answered = bool(await ask(cluster, topics))
        if not is_answered or _lacks_leaders(cluster):
            await asyncio.sleep(clients.RETRY_MS / 1000)
        return is_answered

    client._metadata_update = ask_and_rest


def _lacks_leaders(cluster: ClusterMetadata) -> bool:
    return any(
        cluster.available_partitions_for_topic(topic) != cluster.partitions_for_topic(topic)
        for topic in cluster.topics()
    )
