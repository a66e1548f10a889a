"""What Meta hears while the broker or the database is away: come again; nothing said before that is lost."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import infra
from deploy.local.stack import Stack
from services.kernel.kafka.admin import create_topics
from services.kernel.kafka.publisher import Publisher
from services.kernel.migrate import migrate
from services.kernel.settings import KafkaSettings
from services.webhook.migrate import MIGRATIONS
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure
from tests.webhook import meta
from tests.webhook.door import Boxes, Door, Tenant, environment, running, topics_since_now

PATIENCE_SECONDS = 60


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A broker and a database that this test alone may stop."""
    with Stack(tmp_path / "stack", services=()) as stack:
        yield stack


@pytest.fixture
def own_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def post_until_accepted(door: Door, body: bytes) -> None:
    """Meta's part: it sends the same bytes again until it gets a 200."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (status := await door.post(body)) != 200:
            assert status == 503
            await asyncio.sleep(0.5)


async def what_is_not_ready(door: Door) -> dict[str, str]:
    async with door.http.get(f"{door.url}/readyz") as answer:
        assert answer.status == 503
        reasons: dict[str, str] = (await answer.json())["not_ready"]
        return reasons


async def infrastructure_of(stack: Stack) -> Infrastructure:
    found = await asyncio.to_thread(infra.describe, stack.directory)
    kafka = KafkaSettings(bootstrap_servers=str(found["kafka"]))
    await create_topics(kafka)
    return Infrastructure(kafka, str(found["postgres_superuser"]), found["postgres"], found["postgres_owner"])


async def test_without_a_broker_or_a_database_meta_is_asked_to_come_again(
    own_stack: Stack, own_port: int, tmp_path: Path
) -> None:
    infrastructure = await infrastructure_of(own_stack)
    boxes, tenant = Boxes(), Tenant()
    publisher = Publisher(infrastructure.kafka, client_id="test")
    publisher.start()
    await publisher.publish(tenant.facts(boxes.webhook[1]))
    await publisher.stop()
    settings = servers.database_settings(infrastructure, "webhook", "webhook")
    assert settings.owner_url is not None
    await asyncio.to_thread(migrate, MIGRATIONS, settings.owner_url.get_secret_value())
    variables = environment(boxes, settings, infrastructure.kafka.bootstrap_servers, own_port)
    async with running(variables, tmp_path / "webhook.log") as door:
        await broker_goes_and_comes_back(own_stack, infrastructure, door, tenant)
        await database_goes_and_comes_back(own_stack, door, tenant)


async def broker_goes_and_comes_back(stack: Stack, infrastructure: Infrastructure, door: Door, tenant: Tenant) -> None:
    before, meanwhile = meta.new_wamid(), meta.new_wamid()
    bodies = [meta.webhook(meta.about(tenant.phone_number_id, statuses=[meta.status(w)])) for w in (before, meanwhile)]
    assert await door.post(bodies[0]) == 200
    await asyncio.to_thread(stack.hold, "kafka")
    assert await door.post(bodies[1]) == 503
    assert "broker" in await what_is_not_ready(door)
    await asyncio.to_thread(stack.release, "kafka")
    await post_until_accepted(door, bodies[1])
    async with topics_since_now(infrastructure.kafka.bootstrap_servers) as topics:
        await topics.rewind()
        facts = await topics.facts_of(tenant)
    indexes = {getattr(fact, "wamid_index", "") for fact in facts}
    assert indexes == {tenant.index("wamid", before), tenant.index("wamid", meanwhile)}
    assert len({fact.id for fact in facts}) == 2


async def database_goes_and_comes_back(stack: Stack, door: Door, tenant: Tenant) -> None:
    known = meta.webhook(meta.about(tenant.phone_number_id, statuses=[meta.status(meta.new_wamid())]))
    unknown = meta.webhook(meta.about("555000333", statuses=[meta.status(meta.new_wamid())]))
    await asyncio.to_thread(stack.hold, "postgres")
    assert await door.post(known) == 200
    assert await door.post(unknown) == 503
    assert "database" in await what_is_not_ready(door)
    await asyncio.to_thread(stack.release, "postgres")
    await post_until_accepted(door, unknown)
