"""Topics as the contracts declare them: created once, checked, never guessed."""

import asyncio
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kernel.contracts import TOPICS, Topic
from services.kernel.contracts.base import DEAD_RETENTION
from services.kernel.kafka import lanes
from services.kernel.settings import KafkaSettings, load

TOPIC_ALREADY_EXISTS = 36


class TopicSettings(BaseSettings):
    """What topic creation needs to know."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_nested_delimiter="__")

    kafka: KafkaSettings


async def create_topics(settings: KafkaSettings) -> list[str]:
    """Create the missing topics; returns their names."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [new for new in wanted_topics(settings) if new.name not in existing]
        if missing:
            response = await admin.create_topics(missing)
            _raise_on_error(response)
        return [new.name for new in missing]
    finally:
        await admin.close()


def wanted_topics(settings: KafkaSettings) -> list[NewTopic]:
    """Every topic of the contracts and its dead letters."""
    return [new for topic in TOPICS.values() for new in (_facts(topic, settings), _dead_letters(topic, settings))]


def _facts(topic: Topic, settings: KafkaSettings) -> NewTopic:
    partitions = lanes.partition_count(topic.name, settings.partitions)
    if topic.compacted:
        return _new(topic.name, partitions, settings.replicas, {"cleanup.policy": "compact"})
    configs = {"cleanup.policy": "delete", "retention.ms": _milliseconds(topic.retention)}
    return _new(topic.name, partitions, settings.replicas, configs)


def _dead_letters(topic: Topic, settings: KafkaSettings) -> NewTopic:
    return _new(topic.dead, 1, settings.replicas, {"retention.ms": _milliseconds(DEAD_RETENTION)})


def _new(name: str, partitions: int, replicas: int, configs: dict[str, str]) -> NewTopic:
    return NewTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replicas,
        topic_configs=configs | _durability(replicas),
    )


def _durability(replicas: int) -> dict[str, str]:
    """What makes an acknowledgement final: most of the replicas have the record, or the only one has written it.

    A truncated tail whose offsets are used again would be skipped silently by every consumer.
    """
    return {"flush.messages": "1"} if replicas == 1 else {"min.insync.replicas": str(replicas // 2 + 1)}


def _milliseconds(time: timedelta) -> str:
    return str(time // timedelta(milliseconds=1))


def _raise_on_error(response: object) -> None:
    for topic, code, *rest in response.topic_errors:  # type: ignore[attr-defined]  # aiokafka's response is untyped
        if code not in (0, TOPIC_ALREADY_EXISTS):
            raise RuntimeError(f"Kafka refused the topic {topic}: code {code} {rest}")


if __name__ == "__main__":
    asyncio.run(create_topics(load(TopicSettings).kafka))
