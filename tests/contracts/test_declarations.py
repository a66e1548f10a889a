"""Every topic and every fact is declared soundly, and the services keep to the declarations."""

from datetime import timedelta

import pytest

from services.kernel.contracts import EVENT_TYPES, TOPICS, Event, Topic
from services.kernel.kafka.consumer import Consumer
from tests.contracts import declared

SERVICES = {"gateway", "webhook", "consent", "billing", "dashboard"}
# Declared for what comes later: the readers of these topics are not written yet.
NOT_YET = {
    ("charges", "dashboard"),
    ("conversations", "billing"),
    ("conversations", "dashboard"),
    ("platform", "dashboard"),
    ("tenants", "dashboard"),
}
# The gateway owns the tenants: it reads them in its database.
NOT_YET |= {("tenants", "gateway")}

topics = pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
events = pytest.mark.parametrize("event", EVENT_TYPES.values(), ids=EVENT_TYPES)


@topics
def test_a_topic_is_owned_and_read_by_services_that_exist(topic: Topic) -> None:
    assert topic.owner in SERVICES
    assert topic.consumers
    assert topic.consumers <= SERVICES


@topics
def test_a_topic_says_what_it_is_for_and_how_long_it_keeps(topic: Topic) -> None:
    assert topic.purpose.endswith(".")
    assert topic.retention >= timedelta(days=7)
    assert any(event.TOPIC is topic for event in EVENT_TYPES.values())


@events
def test_the_key_of_a_fact_is_one_of_its_fields(event: type[Event]) -> None:
    assert event.KEY in event.__struct_fields__


@events
def test_a_fact_says_in_its_docstring_what_happened(event: type[Event]) -> None:
    assert event.__doc__
    assert event.__doc__ != Event.__doc__


@events
def test_only_the_owner_of_a_topic_makes_its_facts(event: type[Event]) -> None:
    assert declared.makers(event) <= {event.TOPIC.owner}


@topics
def test_exactly_the_declared_services_read_a_topic(topic: Topic) -> None:
    reading = {consumer.service for consumer in declared.consumers() if consumer.topic is topic}
    if topic.name == "tenants":
        reading |= declared.directory_readers()
    waiting = {service for name, service in NOT_YET if name == topic.name}
    assert reading | waiting == topic.consumers
    assert not reading & waiting, "it is written now: take it out of NOT_YET"


def test_a_consumer_group_is_named_after_its_service_and_declared_once() -> None:
    found = declared.consumers()
    assert found
    assert all(consumer.group.startswith(f"{consumer.service}.") for consumer in found)
    assert len({consumer.group for consumer in found}) == len(found)


def test_a_consumer_handles_only_facts_of_its_own_topic() -> None:
    for consumer in declared.consumers():
        assert all(event.TOPIC is consumer.topic for event in consumer.events), consumer.group


def test_a_consumer_of_a_service_that_is_no_declared_reader_is_refused() -> None:
    with pytest.raises(AssertionError, match="webhook is no declared consumer of reservations"):
        Consumer(group="webhook.reservations", topic=TOPICS["reservations"], events=(), handle=_never)


def test_a_consumer_of_a_foreign_fact_is_refused() -> None:
    with pytest.raises(AssertionError, match="foreign event"):
        Consumer(
            group="billing.statuses",
            topic=TOPICS["statuses"],
            events=(EVENT_TYPES["message.cleared.v1"],),
            handle=_never,
        )


async def _never(connection: object, batch: object) -> list[Event]:
    raise AssertionError
