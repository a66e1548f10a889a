"""What this machine gives without Vestnik, in the same run: bare posts, raw records, raw rows.

A run's own figures say little about another machine, or about the same one on a busier day; their ratios to these do.
Each is measured for a few seconds on the run's own servers, before the load, while Vestnik stands idle.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import psutil  # type: ignore[import-untyped]  # no stubs among our dependencies
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.stack import Stack
from tests.bench import bare
from tests.bench.children import Child
from tests.bench.connections import Answer, Pool

SECONDS = 3.0
CLIENTS = 32  # posts under way
BODY_BYTES = 300  # as a send's
TOPIC, PARTITIONS = "bench.ceiling", 6
RECORD_BYTES, RECORDS_A_BATCH = 600, 500  # an acceptance has 600 to 700 bytes
BATCH_BYTES_MAX = 512 * 1024  # as in kernel/kafka/producers.py
READ_SECONDS_MAX = 20.0
ROWS_A_STATEMENT = 500
TABLE = "create table bench_ceiling (id uuid primary key, tenant_id uuid not null, at timestamptz not null, body bytea)"
INSERT = """
    insert into bench_ceiling (id, tenant_id, at, body)
    select id, tenant_id, now(), body from unnest($1::uuid[], $2::uuid[], $3::bytea[]) as row (id, tenant_id, body)
"""


async def measure(stack: Stack) -> dict[str, Any]:
    """Every ceiling by its name; the unit ends the name."""
    postgres, kafka = stack.infrastructure.postgres, stack.infrastructure.kafka
    pids = {str(row["name"]): int(row["pid"]) for row in stack.processes}
    return {
        **await asyncio.to_thread(asyncio.run, _posts()),
        **await _records(kafka.bootstrap, psutil.Process(pids["kafka"])),
        **await _rows(postgres.dsn("postgres", "postgres")),
    }


async def _posts() -> dict[str, float]:
    """A closed loop of posts to an application that reads the body and answers 200."""
    server = Child("bare", bare.body)
    try:
        port, process = server.hear(), psutil.Process(server.pid)
        before = _cpu(process)
        count = await _post_for(SECONDS, port)
        return {
            "bare_asgi_posts_per_second": round(count / SECONDS),
            "bare_asgi_cpu_us_per_post": round((_cpu(process) - before) * 1e6 / count, 1),
        }
    finally:
        server.end()


async def _post_for(seconds: float, port: int) -> int:
    body = b"x" * BODY_BYTES
    request = b"POST / HTTP/1.1\r\nHost: bare\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    answered, end = 0, time.monotonic() + seconds

    def count(_post: int, answer: Answer) -> None:
        nonlocal answered
        answered += answer.status == 200
        if time.monotonic() < end:
            asyncio.get_running_loop().call_soon(pool.post, 0, request)  # when this connection is free again

    pool = Pool("127.0.0.1", port, count)
    for _ in range(CLIENTS):
        pool.post(0, request)
    await asyncio.sleep(seconds + 0.2)
    pool.close()
    return answered


async def _records(bootstrap: str, broker: psutil.Process) -> dict[str, float]:
    """Records as Vestnik writes them: idempotent, acknowledged, each batch on the disk before its acknowledgement."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        configs = {"flush.messages": "1"}
        await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, topic_configs=configs)])
        before = _cpu(broker)
        written, write_seconds = await _produce(bootstrap)
        read, read_seconds = await _consume(bootstrap, written)
        used = _cpu(broker) - before
        await admin.delete_topics([TOPIC])
    finally:
        await admin.close()
    return {
        "kafka_record_bytes": RECORD_BYTES,
        "kafka_produced_records_per_second": round(written / write_seconds),
        "kafka_consumed_records_per_second": round(read / read_seconds),
        "kafka_broker_cpu_us_per_record": round(used * 1e6 / written, 1),
    }


async def _produce(bootstrap: str) -> tuple[int, float]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES_MAX
    )
    await producer.start()
    value, written = b"x" * RECORD_BYTES, 0

    async def write() -> None:
        nonlocal written
        batch = producer.create_batch()
        for _ in range(RECORDS_A_BATCH):
            batch.append(key=None, value=value, timestamp=None)
        await (await producer.send_batch(batch, TOPIC, partition=written // RECORDS_A_BATCH % PARTITIONS))
        written += RECORDS_A_BATCH

    try:
        await producer.client._wait_on_metadata(TOPIC)
        seconds = await _repeat_for(SECONDS, write)
    finally:
        await producer.stop()
    return written, seconds


async def _consume(bootstrap: str, expected: int) -> tuple[int, float]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(TOPIC, number) for number in range(PARTITIONS)])
        begun, read = time.monotonic(), 0
        while read < expected and time.monotonic() - begun < READ_SECONDS_MAX:
            read += sum(map(len, (await consumer.getmany(timeout_ms=500)).values()))
        return read, time.monotonic() - begun
    finally:
        await consumer.stop()


async def _rows(dsn: str) -> dict[str, float]:
    """Rows of 600 bytes, many in one statement from arrays, each statement committed by itself."""
    connection = await asyncpg.connect(dsn)
    tenant_id, body, count = uuid4(), b"x" * RECORD_BYTES, 0

    async def insert() -> None:
        nonlocal count
        ids = [UUID(int=count + row) for row in range(ROWS_A_STATEMENT)]
        await connection.execute(INSERT, ids, [tenant_id] * ROWS_A_STATEMENT, [body] * ROWS_A_STATEMENT)
        count += ROWS_A_STATEMENT

    try:
        await connection.execute(TABLE)
        seconds = await _repeat_for(SECONDS, insert)
        await connection.execute("drop table bench_ceiling")
    finally:
        await connection.close()
    return {"postgres_inserted_rows_per_second": round(count / seconds)}


async def _repeat_for(seconds: float, act: Callable[[], Awaitable[None]]) -> float:
    """How long it really took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        await act()
    return time.monotonic() - begun


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
