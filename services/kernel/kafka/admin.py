"""Topics as the contracts declare them: created once, checked, never guessed."""

import asyncio
from datetime import timedelta

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kernel.contracts import TOPICS, Topic
from services.kernel.contracts.base import DEAD_RETENTION
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
        missing = [new for new in wanted_topics(settings.partitions) if new.name not in existing]
        if missing:
            response = await admin.create_topics(missing)
            _raise_on_error(response)
        return [new.name for new in missing]
    finally:
        await admin.close()


def wanted_topics(partitions: int) -> list[NewTopic]:
    """Every topic of the contracts and its dead letters."""
    topics = [_new(topic, partitions) for topic in TOPICS.values()]
    dead = [
        NewTopic(
            name=topic.dead,
            num_partitions=1,
            replication_factor=1,
            topic_configs={"flush.messages": "1", "retention.ms": _milliseconds(DEAD_RETENTION)},
        )
        for topic in TOPICS.values()
    ]
    return topics + dead


def _new(topic: Topic, partitions: int) -> NewTopic:
    # A broker that stands alone must have written before it acknowledges: a truncated tail whose
    # offsets are used again would be skipped silently by every consumer.
    configs = {"flush.messages": "1", "cleanup.policy": "compact" if topic.compacted else "delete"}
    if not topic.compacted:
        configs["retention.ms"] = _milliseconds(topic.retention)
    return NewTopic(name=topic.name, num_partitions=partitions, replication_factor=1, topic_configs=configs)


def _milliseconds(time: timedelta) -> str:
    return str(time // timedelta(milliseconds=1))


def _raise_on_error(response: object) -> None:
    for topic, code, *rest in response.topic_errors:  # type: ignore[attr-defined]  # aiokafka's response is untyped
        if code not in (0, TOPIC_ALREADY_EXISTS):
            raise RuntimeError(f"Kafka refused the topic {topic}: code {code} {rest}")


if __name__ == "__main__":
    asyncio.run(create_topics(load(TopicSettings).kafka))
