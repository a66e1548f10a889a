"""Topics on the real broker are what the contracts declare."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services.kernel.contracts import TOPICS
from services.kernel.kafka.admin import create_topics, wanted_topics
from tests.fixtures.infrastructure import Infrastructure

Configurations = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
async def configurations(infrastructure: Infrastructure) -> Configurations:
    """What the broker says about each of our topics."""
    await create_topics(infrastructure.kafka)
    admin = AIOKafkaAdminClient(bootstrap_servers=infrastructure.kafka.bootstrap_servers)
    await admin.start()
    try:
        names = [topic.name for topic in wanted_topics(infrastructure.kafka.partitions)]
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    finally:
        await admin.close()
    found = {}
    for answer in answers:
        for code, message, _type, name, entries in answer.resources:
            assert code == 0, f"{name}: {message}"
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


def test_every_topic_and_its_dead_letters_exist(configurations: Configurations) -> None:
    assert set(configurations) == {name for topic in TOPICS.values() for name in (topic.name, topic.dead)}


def test_every_topic_and_its_dead_letters_are_flushed_at_every_message(configurations: Configurations) -> None:
    assert {name: found["flush.messages"] for name, found in configurations.items()} == dict.fromkeys(
        configurations, "1"
    )


def test_every_topic_keeps_its_facts_as_long_as_its_contract_says(configurations: Configurations) -> None:
    for topic in TOPICS.values():
        found = configurations[topic.name]
        if topic.compacted:
            assert found["cleanup.policy"] == "compact"
        else:
            assert found["cleanup.policy"] == "delete"
            assert int(found["retention.ms"]) == topic.retention.total_seconds() * 1000
        assert int(configurations[topic.dead]["retention.ms"]) > int(found["retention.ms"])


async def test_creating_the_topics_again_changes_nothing(infrastructure: Infrastructure) -> None:
    assert await create_topics(infrastructure.kafka) == []
