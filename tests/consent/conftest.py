"""Fixtures of consent's tests: a fresh database, two tenants, the consumers, and the API behind a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import UUID

import pytest

from services.consent.api import create_consent_app
from services.consent.clearance.endpoints import BEHIND_SECONDS
from services.consent.windows.consumers import GROUP
from services.kernel.client import Answer, InternalClient
from services.kernel.contracts.inbound import INBOUND
from services.kernel.db import Database
from services.kernel.kafka.lag import GroupLag
from services.kernel.process import ServiceProcess
from services.kernel.tenants import TenantDirectory
from tests.consent.stand import Consent, Keys, Tenant, new_directory, own_topic, served, until
from tests.fixtures.infrastructure import Infrastructure, database_settings


class Api:
    """The consent API as the gateway reaches it: with internal tokens."""

    def __init__(self, client: InternalClient, staff: InternalClient) -> None:
        self._client = client
        self._staff = staff

    async def post(self, path: str, body: bytes, *, tenant_id: UUID | None = None) -> Answer:
        role = "tenant" if tenant_id else "service"
        return await self._client.exchange("POST", path, body=body, role=role, tenant_id=tenant_id)

    async def get(self, path: str, *, tenant_id: UUID | None = None, **params: str) -> Answer:
        role = "tenant" if tenant_id else "service"
        return await self._client.exchange("GET", path, params=params, role=role, tenant_id=tenant_id)

    async def post_as_staff(self, path: str, body: bytes) -> Answer:
        return await self._staff.exchange("POST", path, body=body, role="staff")


@pytest.fixture
async def database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("consent")


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture
def directory(keys: Keys, infrastructure: Infrastructure) -> TenantDirectory:
    return new_directory(keys, infrastructure.kafka)


@pytest.fixture
def tenant(keys: Keys, directory: TenantDirectory) -> Tenant:
    tenant = Tenant(keys.box_public)
    directory.apply(tenant.changed)
    return tenant


@pytest.fixture
def other_tenant(keys: Keys, directory: TenantDirectory) -> Tenant:
    tenant = Tenant(keys.box_public)
    directory.apply(tenant.changed)
    return tenant


@pytest.fixture
def consent(database: Database, directory: TenantDirectory) -> Consent:
    return Consent(database, directory)


@pytest.fixture
async def lag(infrastructure: Infrastructure) -> AsyncIterator[GroupLag]:
    """The watch over a group that has nothing to read until a test publishes something."""
    async with own_topic(infrastructure.kafka) as topic:
        lag = GroupLag(infrastructure.kafka, group=f"{topic.name}.readers", topic=topic)
        stop = asyncio.Event()
        watching = asyncio.create_task(lag.run(stop))
        await until(lambda: not lag.behind(BEHIND_SECONDS))
        yield lag
        stop.set()
        await watching


@pytest.fixture
def unwatched(infrastructure: Infrastructure) -> GroupLag:
    """A watch that never looked: for routes that do not ask it."""
    return GroupLag(infrastructure.kafka, group=GROUP, topic=INBOUND)


@pytest.fixture
def make_api(
    database: Database, directory: TenantDirectory, keys: Keys, infrastructure: Infrastructure
) -> Callable[[GroupLag], AbstractAsyncContextManager[Api]]:
    @asynccontextmanager
    async def make(lag: GroupLag) -> AsyncIterator[Api]:
        settings = keys.settings(
            database_settings(infrastructure, "consent", "unused"), infrastructure.kafka, "consent-api"
        )
        app = create_consent_app(ServiceProcess(settings), database=database, directory=directory, inbound_lag=lag)
        async with served(app) as address:
            client = InternalClient(address, "consent", keys.issuer("gateway"))
            staff = InternalClient(address, "consent", keys.issuer("staff"))
            yield Api(client, staff)
            await client.close()
            await staff.close()

    return make


@pytest.fixture
async def api(
    make_api: Callable[[GroupLag], AbstractAsyncContextManager[Api]], unwatched: GroupLag
) -> AsyncIterator[Api]:
    async with make_api(unwatched) as api:
        yield api


@pytest.fixture
async def watched_api(
    make_api: Callable[[GroupLag], AbstractAsyncContextManager[Api]], lag: GroupLag
) -> AsyncIterator[Api]:
    """The API with a watch that sees a real group on a real broker."""
    async with make_api(lag) as api:
        yield api
