"""A webhook process for all tests of the service, with two tenants that it knows."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.kernel.db import Database
from services.kernel.kafka.publisher import Publisher
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure
from tests.webhook.door import Boxes, Door, Tenant, Topics, environment, running, topics_since_now


@pytest.fixture(scope="session")
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def boxes() -> Boxes:
    return Boxes()


@pytest.fixture(scope="session")
def tenant() -> Tenant:
    return Tenant(stop_words=("Яблок не надо",), start_words=("Снова яблоки",))


@pytest.fixture(scope="session")
def other_tenant() -> Tenant:
    return Tenant()


@pytest.fixture(scope="session")
async def database(infrastructure: Infrastructure, templates: dict[str, str]) -> AsyncIterator[Database]:
    """The database of the running process."""
    if "webhook" not in templates:
        templates["webhook"] = await servers.make_template(infrastructure, "webhook")
    async with servers.fresh_database(infrastructure, "webhook", templates["webhook"]) as database:
        yield database


@pytest.fixture(scope="session")
async def door(
    *,
    infrastructure: Infrastructure,
    database: Database,
    publisher: Publisher,
    boxes: Boxes,
    tenant: Tenant,
    other_tenant: Tenant,
    free_port: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Door]:
    """The process, ready."""
    await publisher.publish([*tenant.facts(boxes.webhook[1]), *other_tenant.facts(boxes.webhook[1])])
    name = str(database.engine.url.database)
    settings = servers.database_settings(infrastructure, "webhook", name)
    log: Path = tmp_path_factory.mktemp("webhook") / "webhook-api.log"
    variables = environment(boxes, settings, infrastructure.kafka.bootstrap_servers, free_port)
    async with running(variables, log) as door:
        yield door


@pytest.fixture
async def topics(infrastructure: Infrastructure, door: Door) -> AsyncIterator[Topics]:
    """What the process publishes during one test."""
    async with topics_since_now(infrastructure.kafka.bootstrap_servers) as topics:
        yield topics
