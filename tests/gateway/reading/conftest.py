"""A gateway whose Meta is a small server of the test's, with tenants that share an account's id."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.stand import AnotherGateway, Gateway
from tests.gateway.upstream.meta import Meta, running

NOBODY = "http://127.0.0.1:1"
PUBLIC = "https://api.vestnik.test"


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Meta]:
    async with running() as meta:
        yield meta


@pytest.fixture(scope="module")
async def reads(another_gateway: AnotherGateway, server: Meta) -> AsyncIterator[Gateway]:
    """A running process that speaks to `server` as its Meta."""
    urls = dict.fromkeys(("consent", "billing", "sandbox"), NOBODY) | {"graph": server.url, "public": PUBLIC}
    async with another_gateway(urls=urls) as gateway:
        yield gateway


@pytest.fixture
def meta(server: Meta) -> Meta:
    """Meta, which was asked nothing yet and has nothing to say."""
    server.asked.clear()
    server.answers({"error": {"message": "(#1) nothing was told", "code": 1}}, 500)
    return server
