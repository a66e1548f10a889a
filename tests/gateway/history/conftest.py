"""The desk in the database of a gateway whose consent and billing are at hand."""

from collections.abc import AsyncIterator

import pytest

from services.kernel.db import Database
from tests.gateway.history.owners import Owners, serving
from tests.gateway.messages.stand import Desk
from tests.gateway.stand import AnotherGateway, Gateway


@pytest.fixture(scope="session")
async def serving_owners() -> AsyncIterator[Owners]:
    async with serving() as owners:
        yield owners


@pytest.fixture
def owners(serving_owners: Owners) -> Owners:
    serving_owners.well()
    return serving_owners


@pytest.fixture(scope="session")
async def gateway(another_gateway: AnotherGateway, serving_owners: Owners) -> AsyncIterator[Gateway]:
    elsewhere = dict.fromkeys(("graph", "sandbox", "public"), "http://127.0.0.1:1")
    async with another_gateway(urls={"consent": serving_owners.url, "billing": serving_owners.url} | elsewhere) as one:
        yield one


@pytest.fixture
def desk(gateway: Gateway, gateway_database: Database) -> Desk:
    return Desk(gateway_database)
