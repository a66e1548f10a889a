"""The operator's hand in Kafka: looks at dead letters, publishes them again, sets a group to the beginning.

Run from the repository while the stack runs:
    .venv/bin/python docs/runbooks/kafka_tool.py list TOPIC
    .venv/bin/python docs/runbooks/kafka_tool.py replay TOPIC OFFSET [OFFSET ...]
    .venv/bin/python docs/runbooks/kafka_tool.py rewind GROUP TOPIC
TOPIC is the topic without ".dead"; KAFKA__BOOTSTRAP_SERVERS overrides the address in var/stack.json.
"""

# ruff: noqa: T201  # it talks to the operator

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError

QUIET_MS = 3_000
ORIGIN = "dead_"
STACK = Path("var/stack.json")


class Impossible(Exception):
    """What the operator asked for cannot be done; the text says why."""


def address() -> str:
    """Return where Kafka is."""
    given = os.environ.get("KAFKA__BOOTSTRAP_SERVERS")
    if not given and not STACK.exists():
        raise Impossible(
            f"{STACK} is not there: start the stack, go to the repository, or set KAFKA__BOOTSTRAP_SERVERS"
        )
    return given or str(json.loads(STACK.read_text())["kafka"])


@asynccontextmanager
async def reader(topic: str, group: str | None = None) -> AsyncIterator[Any]:
    """Give a consumer of a topic that exists, with nothing assigned."""
    consumer = AIOKafkaConsumer(bootstrap_servers=address(), group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        known = await consumer.topics()
        if topic not in known:
            raise Impossible(f"there is no topic {topic}; there are: {', '.join(sorted(known))}")
        yield consumer
    except KafkaConnectionError as error:
        raise Impossible(f"Kafka does not answer: {error}") from None
    finally:
        await consumer.stop()


async def letters(topic: str) -> AsyncIterator[Any]:
    """Yield every dead letter of a topic, oldest first."""
    place = TopicPartition(f"{topic}.dead", 0)
    async with reader(place.topic) as consumer:
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        while batch := await consumer.getmany(timeout_ms=QUIET_MS):
            for record in batch[place]:
                yield record


async def show(topic: str) -> None:
    """Print where each dead letter came from and why it is dead; never what it says."""
    count = 0
    async for record in letters(topic):
        headers = {name: value.decode() for name, value in record.headers if name.startswith((ORIGIN, "ce_"))}
        print(record.offset, json.dumps(headers, ensure_ascii=False))
        count += 1
    print(f"{count} in {topic}.dead", file=sys.stderr)


async def replay(topic: str, offsets: set[int]) -> None:
    """Publish dead letters on their topic again, with their key and their own headers."""
    found = [record async for record in letters(topic) if record.offset in offsets]
    if missing := offsets - {record.offset for record in found}:
        raise Impossible(f"{topic}.dead has no {', '.join(map(str, sorted(missing)))}: nothing was published")
    async with AIOKafkaProducer(bootstrap_servers=address(), acks="all", enable_idempotence=True) as producer:
        for record in found:
            headers = [(name, value) for name, value in record.headers if not name.startswith(ORIGIN)]
            partition = int(dict(record.headers)[f"{ORIGIN}partition"])
            await producer.send_and_wait(
                topic, value=record.value, key=record.key, headers=headers, partition=partition
            )
            print(f"published again: {record.offset}")


async def rewind(group: str, topic: str) -> None:
    """Set a group that has no member to the oldest records; it handles them again, and effects are once."""
    async with reader(topic, group) as consumer:
        places = [TopicPartition(topic, number) for number in await _partitions(consumer, topic)]
        consumer.assign(places)
        oldest = await consumer.beginning_offsets(places)
        await consumer.commit(oldest)
        print({place.partition: offset for place, offset in oldest.items()})


async def _partitions(consumer: Any, topic: str) -> set[int]:
    await consumer._client.set_topics([topic])
    found: set[int] = consumer.partitions_for_topic(topic) or set()
    return found


def main(arguments: list[str]) -> int:
    """Do what was asked; 1 and why when it cannot be done, 2 and the usage when it was not understood."""
    match arguments:
        case ["list", topic]:
            work = show(topic)
        case ["replay", topic, *offsets] if offsets and all(offset.isdigit() for offset in offsets):
            work = replay(topic, {int(offset) for offset in offsets})
        case ["rewind", group, topic]:
            work = rewind(group, topic)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    try:
        asyncio.run(work)
    except Impossible as impossible:
        print(f"✗ {impossible}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
