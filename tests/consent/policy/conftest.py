"""Fixtures of policy's tests: people of the operator, each with a token of their own."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
import pytest

from services.consent.api import create_consent_app
from services.kernel.client import InternalClient
from services.kernel.db import Database
from services.kernel.kafka.lag import GroupLag
from services.kernel.process import ServiceProcess
from services.kernel.tenants import TenantDirectory
from tests.consent.stand import Keys, served
from tests.fixtures.infrastructure import Infrastructure, database_settings


class Said(NamedTuple):
    status: int
    body: Any


Ask = Callable[..., Awaitable[Said]]


@pytest.fixture
async def ask(
    database: Database, directory: TenantDirectory, keys: Keys, infrastructure: Infrastructure, unwatched: GroupLag
) -> AsyncIterator[Ask]:
    """Asks over HTTP with a staff token: who, method, path, body."""
    settings = keys.settings(
        database_settings(infrastructure, "consent", "unused"), infrastructure.kafka, "consent-api"
    )
    app = create_consent_app(ServiceProcess(settings), database=database, directory=directory, inbound_lag=unwatched)
    async with served(app) as address:
        client = InternalClient(address, "consent", keys.issuer("staff"))

        async def call(who: str, method: Any, path: str, body: Any = None) -> Said:
            sent = None if body is None else msgspec.json.encode(body)
            path, _, query = path.partition("?")
            params = dict(pair.split("=") for pair in query.split("&")) if query else None
            answer = await client.exchange(method, path, body=sent, params=params, role="staff", subject=who)
            return Said(answer.status, answer.json())

        yield call
        await client.close()
