"""Topics on the real broker are what the contracts declare."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from services.kernel.contracts import TOPICS
from services.kernel.kafka import lanes
from services.kernel.kafka.admin import create_topics, wanted_topics
from services.kernel.settings import KafkaSettings
from tests.fixtures.infrastructure import Infrastructure

Configurations = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
async def configurations(infrastructure: Infrastructure) -> Configurations:
    """What the broker says about each of our topics."""
    await create_topics(infrastructure.kafka)
    admin = AIOKafkaAdminClient(bootstrap_servers=infrastructure.kafka.bootstrap_servers)
    await admin.start()
    try:
        names = [topic.name for topic in wanted_topics(infrastructure.kafka)]
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


@pytest.mark.parametrize(("replicas", "in_sync"), [(2, "2"), (3, "2"), (5, "3")])
def test_on_several_brokers_most_of_the_replicas_have_a_record_before_it_is_acknowledged(
    replicas: int, in_sync: str
) -> None:
    topics = wanted_topics(KafkaSettings(bootstrap_servers="unused:9", replicas=replicas))
    assert {topic.replication_factor for topic in topics} == {replicas}
    assert {topic.topic_configs["min.insync.replicas"] for topic in topics} == {in_sync}
    assert not any("flush.messages" in topic.topic_configs for topic in topics)


@pytest.mark.parametrize(("partitions", "in_the_bulk_lane"), [(1, 1), (2, 1), (3, 2), (6, 4), (12, 8)])
def test_a_topic_without_lanes_has_as_many_partitions_as_the_bulk_lane_of_others(
    partitions: int, in_the_bulk_lane: int
) -> None:
    topics = wanted_topics(KafkaSettings(bootstrap_servers="unused:9", partitions=partitions))
    counts = {topic.name: topic.num_partitions for topic in topics if topic.name in TOPICS}
    assert counts == {name: partitions if lanes.has_lanes(name) else in_the_bulk_lane for name in TOPICS}
