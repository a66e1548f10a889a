"""Fixtures of billing's tests: a fresh database, the consumers, the owner's connection, the API."""

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from pydantic import SecretStr

from services.billing.api import create_billing_app
from services.billing.settings import OwnBox, Settings
from services.kernel import crypto
from services.kernel.client import InternalClient
from services.kernel.db import Database
from services.kernel.process import ServiceProcess
from services.kernel.settings import HttpSettings, InternalSettings
from services.kernel.tokens import TokenIssuer
from tests.billing.office import Office
from tests.billing.stand import Billing, payer_of, served
from tests.fixtures.infrastructure import Infrastructure, database_settings


@pytest.fixture
async def database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("billing")


@pytest.fixture
def billing(database: Database) -> Billing:
    return Billing(database)


@pytest.fixture
async def owner(database: Database, infrastructure: Infrastructure) -> AsyncIterator[asyncpg.Connection]:
    """The same database, as the role that owns its schema."""
    server = infrastructure.owners["billing"].rpartition("/")[0]
    connection = await asyncpg.connect(f"{server}/{database.engine.url.database}")
    yield connection
    await connection.close()


class Api:
    """The billing API as the gateway and staff reach it; `as_service` has a service's own token."""

    def __init__(self, address: str, seeds: dict[str, bytes]) -> None:
        self.tenant = InternalClient(address, "billing", TokenIssuer("gateway", seeds["gateway"]))
        self.staff = InternalClient(address, "billing", TokenIssuer("staff", seeds["staff"]))

    async def close(self) -> None:
        await self.tenant.close()
        await self.staff.close()


@pytest.fixture
async def api(database: Database, infrastructure: Infrastructure) -> AsyncIterator[Api]:
    keys = {name: crypto.new_signing_keys() for name in ("gateway", "billing", "staff")}
    settings = Settings(
        process_name="billing-api",
        http=HttpSettings(port=0),
        database=database_settings(infrastructure, "billing", "unused"),
        kafka=infrastructure.kafka,
        internal=InternalSettings(
            private_key=SecretStr(crypto.b64url(keys["billing"][0])),
            public_keys={name: crypto.b64url(public) for name, (_, public) in keys.items()},
        ),
        box=OwnBox(private_key=SecretStr(crypto.b64url(crypto.new_box_keys()[0]))),
    )
    async with served(create_billing_app(ServiceProcess(settings), database, payer_of)) as address:
        api = Api(address, {name: private for name, (private, _) in keys.items()})
        yield api
        await api.close()


@pytest.fixture
def office(api: Api) -> Office:
    return Office(api.staff)
