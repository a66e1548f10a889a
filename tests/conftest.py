"""What every test may ask for: real servers, fresh databases, a publisher."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import pytest

from services.kernel import logging
from services.kernel.db import Database
from services.kernel.kafka.publisher import Publisher
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure


@pytest.fixture(scope="session")
def infrastructure() -> Iterator[Infrastructure]:
    """PostgreSQL and Kafka, real, for the whole run."""
    with servers.running() as found:
        yield found


@pytest.fixture(scope="session", autouse=True)
def _strict_logs() -> None:
    """A log line with an unknown key is an error in tests."""
    logging.configure("WARNING", "test", strict=True)


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    """Migrated databases to copy from, by service."""
    return {}


@pytest.fixture
async def make_database(
    infrastructure: Infrastructure, templates: dict[str, str]
) -> AsyncIterator[Callable[[str], Awaitable[Database]]]:
    """A function that makes a service's database, empty and at the newest schema, used as the service's own role."""
    async with AsyncExitStack() as stack:

        async def make(service: str) -> Database:
            if service not in templates:
                templates[service] = await servers.make_template(infrastructure, service)
            return await stack.enter_async_context(servers.fresh_database(infrastructure, service, templates[service]))

        yield make


@pytest.fixture(scope="session")
async def publisher(infrastructure: Infrastructure) -> AsyncIterator[Publisher]:
    """A producer on the real broker."""
    publisher = Publisher(infrastructure.kafka, client_id="test")
    publisher.start()
    yield publisher
    await publisher.stop()
