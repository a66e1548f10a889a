"""PostgreSQL and Kafka really run, survive kill -9 with what they acknowledged, and leave nothing behind."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import background, documents, identity, infra, ports
from deploy.local.errors import StackError
from deploy.local.kafka import classes
from deploy.local.kafka.broker import java
from deploy.local.paths import KAFKA_JARS
from deploy.local.stack import Stack
from services.kernel.db import COMMAND_TIMEOUT_SECONDS
from tests.deploy.waiting import eventually

DIRECTORY = Path("var/test/deploy")
TOPIC = "deploy.test"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Bare infrastructure of its own, so that it may be killed."""
    background.discard(DIRECTORY)
    with Stack(DIRECTORY, services=()) as stack:
        yield stack


def _dsn(stack: Stack, role: str = "billing") -> str:
    return stack.infrastructure.postgres.dsn(role, "billing")


async def _query(dsn: str, sql: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_every_role_gives_up_before_the_services_give_up_the_connection(stack: Stack) -> None:
    for role in ("billing", "billing_owner"):
        for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
            shown = await _query(_dsn(stack, role), f"show {limit}")
            assert 0 < int(shown.removesuffix("s")) < COMMAND_TIMEOUT_SECONDS


async def test_a_service_role_cannot_change_the_schema_nor_enter_another_database(stack: Stack) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _query(_dsn(stack), "create table mine (id int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await _query(stack.infrastructure.postgres.dsn("billing", "gateway"), "select 1")


async def test_a_failing_statement_leaves_no_values_in_the_log(stack: Stack) -> None:
    await _query(_dsn(stack, "billing_owner"), "create table if not exists secret (word text unique)")
    await _query(_dsn(stack, "billing_owner"), "insert into secret values ('hush-7341') on conflict do nothing")
    with pytest.raises(asyncpg.UniqueViolationError):
        await _query(_dsn(stack, "billing_owner"), "insert into secret values ('hush-7341')")
    log = stack.log("postgres").read_text()
    assert "duplicate key value" in log
    assert "hush-7341" not in log


async def test_postgres_is_back_after_kill_9_with_what_it_committed(stack: Stack) -> None:
    owner = _dsn(stack, "billing_owner")
    await _query(owner, "create table if not exists kept (id int)")
    await _query(owner, "insert into kept values (1)")
    restarts = _row(stack, "postgres")["restarts"]
    killed = await asyncio.to_thread(stack.kill, "postgres", signal.SIGKILL)
    await asyncio.to_thread(eventually, lambda: _row(stack, "postgres")["restarts"] > restarts)
    await asyncio.to_thread(eventually, stack.infrastructure.postgres.ready)
    assert await _query(owner, "select count(*) from kept") >= 1
    assert _row(stack, "postgres")["pid"] != killed


async def test_kafka_is_back_after_kill_9_with_what_it_acknowledged(stack: Stack) -> None:
    kafka = stack.infrastructure.kafka
    await _create_topic(kafka.bootstrap)
    before, after = uuid4().bytes, uuid4().bytes
    await _produce(kafka.bootstrap, before)
    restarts = _row(stack, "kafka")["restarts"]
    stack.kill("kafka", signal.SIGKILL)
    await asyncio.to_thread(eventually, lambda: _row(stack, "kafka")["restarts"] > restarts)
    await asyncio.to_thread(eventually, kafka.ready)
    await _produce(kafka.bootstrap, after)
    assert (await _values(kafka.bootstrap))[-2:] == [before, after]


def test_the_broker_starts_from_the_archive_of_its_classes(stack: Stack) -> None:
    maps = Path(f"/proc/{stack.supervisor.children['kafka'].pid}/maps").read_text()
    assert str(classes.archive(java(), KAFKA_JARS)) in maps


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "'ends at once'"])
def test_an_archive_that_cannot_be_made_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(classes, "READY_SECONDS", 1.0)
    archive, jvm = tmp_path / "classes.jsa", tmp_path / "java"
    jvm.write_text(f"#!{sys.executable}\n{program}\n")
    jvm.chmod(0o755)
    classes.make(archive, [str(jvm)], lambda: False)
    assert classes.use(archive) == []


async def test_stack_json_follows_a_restart(stack: Stack) -> None:
    child = stack.supervisor.children["postgres"]
    pid = stack.kill("postgres", signal.SIGKILL)
    await asyncio.to_thread(eventually, lambda: child.running and child.pid != pid)
    await asyncio.to_thread(eventually, lambda: _written("postgres")["pid"] == child.pid)
    assert _written("postgres")["restarts"] == child.restarts
    await asyncio.to_thread(eventually, stack.infrastructure.postgres.ready)


def test_a_second_stack_in_the_same_directory_is_refused_and_does_no_harm(stack: Stack) -> None:
    with pytest.raises(StackError, match="Another stack runs"):
        Stack(DIRECTORY, services=()).start()
    assert documents.read(DIRECTORY / "stack.json")
    assert stack.infrastructure.postgres.ready()


def test_a_stack_moves_to_other_ports_with_its_data_and_leaves_nothing_behind(tmp_path: Path) -> None:
    directory = DIRECTORY.with_name("deploy-moving")
    background.discard(directory)
    for base in (ports.block(tmp_path), ports.block(tmp_path) + 10):
        wanted = {"postgres": base, "kafka": base + 1, "kafka-controller": base + 2}
        with Stack(directory, services=(), wanted_ports=wanted) as stack:
            living = {child.name: (child.pid, child.known_as) for child in stack.supervisor.children.values()}
            bootstrap = stack.infrastructure.kafka.bootstrap
            asyncio.run(_create_topic(bootstrap))
            asyncio.run(_produce(bootstrap, str(base).encode()))
            assert str(base).encode() in asyncio.run(_values(bootstrap))
        assert not any(identity.alive(pid, known_as) for pid, known_as in living.values())
        assert not (directory / "stack.json").exists()


def test_infra_starts_once_and_stops(capsys: pytest.CaptureFixture[str]) -> None:
    directory = DIRECTORY.with_name("deploy-infra")
    assert infra.main(["--dir", str(directory)]) == 0
    children = documents.read(directory / "children.json")
    assert infra.main(["--dir", str(directory)]) == 0
    assert documents.read(directory / "children.json") == children
    assert infra.describe(directory)["kafka"] in capsys.readouterr().out
    assert infra.main(["--dir", str(directory), "--stop"]) == 0
    assert not any(identity.alive(row["pid"], row["known_as"]) for row in children)


def _row(stack: Stack, name: str) -> dict[str, Any]:
    return next(row for row in stack.processes if row["name"] == name)


def _written(name: str) -> dict[str, Any]:
    rows = documents.read(DIRECTORY / "stack.json")["processes"]
    return next(row for row in rows if row["name"] == name)


async def _create_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1, topic_configs={"flush.messages": "1"})])
    await admin.close()


async def _produce(bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait(TOPIC, value)
    await producer.stop()


async def _values(bootstrap: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        partition = TopicPartition(TOPIC, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        return [(await consumer.getone()).value for _ in range(end)]
    finally:
        await consumer.stop()
