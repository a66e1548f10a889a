"""Routes of other services, seen through the one public door."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from fastapi.routing import iter_route_contexts

from services.gateway.forwarding.service import ROUTES
from services.kernel import crypto
from services.kernel.tokens import TokenVerifier
from tests.gateway.stand import AnotherGateway, Gateway, Keys, Tenant


class Owner:
    """Another service at the end of the wire: remembers what came, answers what it is told."""

    def __init__(self) -> None:
        self.came: list[tuple[str, str, bytes, str]] = []
        self.status, self.body, self.headers = 200, b"{}", {"Content-Type": "application/json"}
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.came.append((request.method, request.raw_path, await request.read(), token))
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def owner_running() -> AsyncIterator[Owner]:
    owner = Owner()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", owner.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    owner.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield owner
    await runner.cleanup()


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    async with owner_running() as owner:
        yield owner


@pytest.fixture
async def forwarding(another_gateway: AnotherGateway, owner: Owner) -> AsyncIterator[Gateway]:
    nowhere = dict.fromkeys(("graph", "sandbox", "public"), "http://127.0.0.1:1")
    urls = {"consent": owner.url, "billing": owner.url, **nowhere}
    async with another_gateway(urls=urls) as gateway:
        yield gateway


async def test_a_request_reaches_its_owner_with_the_tenant_in_the_token(
    forwarding: Gateway, owner: Owner, tenant: Tenant, keys: Keys
) -> None:
    body = b'{"phone": "+79161234567",  "purpose": "service"}'
    owner.status, owner.body = 201, b'{"id":"1"}'
    answer = await forwarding.ask(
        "POST", "/v1/consents", key=tenant.api_key, data=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (201, b'{"id":"1"}', "application/json")
    [(method, path, received, token)] = owner.came
    assert (method, path, received) == ("POST", "/v1/consents", body)
    verifier = TokenVerifier({"gateway": crypto.b64url(keys.gateway[1])}, audience="consent")
    principal = verifier.verify(token)
    assert (principal.role, principal.tenant_id) == ("tenant", tenant.id)


@pytest.mark.parametrize(("method", "path"), [(route.method, route.path) for route in ROUTES])
async def test_every_forwarded_route_needs_an_api_key(
    forwarding: Gateway, owner: Owner, tenant: Tenant, method: str, path: str
) -> None:
    body = {"json": {"phone": "+79161234567"}} if method == "POST" else {}
    for key in (None, "vk_live_x", forwarding.keys.staff_token()):
        answer = await forwarding.ask(method, path, key=key, **body)
        assert answer.status == 401
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert owner.came == []
    assert (await forwarding.ask(method, path, key=tenant.api_key, **body)).status == 200
    assert owner.came[0][:2] == (method, path)


async def test_a_query_is_passed_on(forwarding: Gateway, owner: Owner, tenant: Tenant) -> None:
    await forwarding.ask("GET", "/v1/consents?phone=%2B79161234567", key=tenant.api_key)
    assert owner.came[0][1] == "/v1/consents?phone=%2B79161234567"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429])
async def test_a_refusal_is_passed_on_as_it_is(forwarding: Gateway, owner: Owner, tenant: Tenant, status: int) -> None:
    owner.status, owner.body = status, b'{"title":"no"}'
    owner.headers = {"Content-Type": "application/problem+json", "Retry-After": "7"}
    answer = await forwarding.ask("GET", "/v1/billing/balance", key=tenant.api_key)
    assert (answer.status, answer.body) == (status, b'{"title":"no"}')
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "7"


async def test_an_owner_that_is_down_is_a_503(gateway: Gateway, tenant: Tenant) -> None:
    answer = await gateway.ask("GET", "/v1/billing/balance", key=tenant.api_key)
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Retry-After"] == "1"


async def test_an_owner_that_fails_is_a_503(forwarding: Gateway, owner: Owner, tenant: Tenant) -> None:
    owner.status, owner.body = 500, b"a stack trace"
    answer = await forwarding.ask("GET", "/v1/billing/balance", key=tenant.api_key)
    assert answer.status == 503
    assert b"stack" not in answer.body


@pytest.mark.parametrize("path", ["/v1/billing", "/v1/billing/balance/x", "/v1/consents/x", "/v1/consents:other"])
async def test_only_listed_paths_leave_the_gateway(
    forwarding: Gateway, owner: Owner, tenant: Tenant, path: str
) -> None:
    assert (await forwarding.ask("GET", path, key=tenant.api_key)).status == 404
    assert owner.came == []


async def test_a_body_over_the_limit_is_not_passed_on(forwarding: Gateway, owner: Owner, tenant: Tenant) -> None:
    answer = await forwarding.ask("POST", "/v1/consents", key=tenant.api_key, data=b" " * (256 * 1024 + 1))
    assert answer.status == 413
    assert owner.came == []


def test_the_routes_stand_in_the_route_table(gateway: Gateway) -> None:
    table = {
        (method, route.path) for route in iter_route_contexts(gateway.app.routes) for method in route.methods or ()
    }
    assert {(route.method, route.path) for route in ROUTES} <= table
    assert ("POST", "/{version:graph_version}/{phone_number_id}/messages") in table
