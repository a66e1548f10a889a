"""A gateway API process for all tests of its doors, with two tenants."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from services.kernel import crypto
from services.kernel.contracts.messages import MESSAGES
from services.kernel.db import Database
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import AnotherGateway, Gateway, Keys, Tenant, Topic, running, topic_since_now


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
def kek_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kek") / "kek"
    path.write_bytes(crypto.random_key())
    path.chmod(0o400)
    return path


@pytest.fixture(scope="session")
async def gateway_database(infrastructure: Infrastructure, templates: dict[str, str]) -> AsyncIterator[Database]:
    """The database of the running process."""
    if "gateway" not in templates:
        templates["gateway"] = await servers.make_template(infrastructure, "gateway")
    async with servers.fresh_database(infrastructure, "gateway", templates["gateway"]) as database:
        yield database


@pytest.fixture(scope="session")
def another_gateway(
    infrastructure: Infrastructure, gateway_database: Database, keys: Keys, kek_file: Path
) -> AnotherGateway:
    """Starts one more process, which remembers nothing yet; arguments replace settings."""
    return partial(running, infrastructure, gateway_database, keys, kek_file)


@pytest.fixture(scope="session")
async def gateway(another_gateway: AnotherGateway) -> AsyncIterator[Gateway]:
    async with another_gateway() as gateway:
        yield gateway


@pytest.fixture(scope="session")
async def tenant(gateway: Gateway) -> Tenant:
    return await gateway.new_tenant()


@pytest.fixture(scope="session")
async def other_tenant(gateway: Gateway) -> Tenant:
    return await gateway.new_tenant()


@pytest.fixture
async def messages(infrastructure: Infrastructure) -> AsyncIterator[Topic]:
    """What is published on `messages` during one test."""
    async with topic_since_now(infrastructure, MESSAGES.name) as topic:
        yield topic
