"""Nobody comes through the wrong door: every route of every service is tried with another tenant's key."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from deploy.local import processes
from tests.e2e.conftest import World
from tests.e2e.walls import trials
from tests.e2e.walls.asking import Answer, ask
from tests.e2e.walls.routes import Route, every_route
from tests.e2e.walls.tokens import Mint
from tests.e2e.walls.trials import Stand, Trial

# The tenant's own things: another tenant's key finds them as little as what does not exist.
TENANTS: dict[Route, Trial] = {
    Route("gateway", "POST", "/{version:graph_version}/{phone_number_id}/messages"): trials.sending,
    Route("gateway", "GET", "/v1/messages/{message_id}"): trials.reading_a_message,
    Route("gateway", "PUT", "/v1/callback"): trials.setting_the_callback,
    Route("gateway", "GET", "/v1/callback"): trials.reading_the_callback,
    Route("gateway", "POST", "/v1/consents"): trials.recording_consent,
    Route("gateway", "GET", "/v1/consents"): trials.reading_consents,
    Route("gateway", "POST", "/v1/consents:withdraw"): trials.withdrawing_consent,
    Route("gateway", "GET", "/v1/billing/balance"): trials.reading_the_balance,
    # The same routes at their owners, where the gateway's token says which tenant asks.
    Route("consent", "POST", "/v1/consents"): trials.recording_consent,
    Route("consent", "GET", "/v1/consents"): trials.reading_consents,
    Route("consent", "POST", "/v1/consents:withdraw"): trials.withdrawing_consent,
    Route("billing", "GET", "/v1/billing/balance"): trials.reading_the_balance,
}
# Routes for one role of internal token; a tenant's key is nothing there.
INTERNAL: dict[Route, str] = {
    Route("gateway", "POST", "/internal/tenants"): "staff",
    Route("gateway", "POST", "/internal/tenants/{tenant_id}/numbers"): "staff",
    Route("gateway", "POST", "/internal/tenants/{tenant_id}/templates"): "staff",
    Route("billing", "POST", "/internal/tenants/{tenant_id}/top-ups"): "staff",
    Route("consent", "POST", "/internal/questions"): "service",
    **{route: "tenant" for route in TENANTS if route.service != "gateway"},
}
# Routes that ask for no key, and why.
PUBLIC: dict[Route, str] = {
    Route(service, "GET", path): why
    for service in ("gateway", "webhook", "consent", "billing", "worker")
    for path, why in {
        "/healthz": "the supervisor asks whether the process lives: one word",
        "/readyz": "the supervisor asks whether it works: names of parts, nothing of a tenant",
        "/metrics": "Prometheus collects: counts by fixed labels, nothing of a tenant",
    }.items()
} | {
    Route("webhook", "GET", "/webhook"): "Meta's handshake: it knows the verify token",
    Route("webhook", "POST", "/webhook"): "Meta signs every byte with the app secret",
}


@pytest.fixture(scope="module")
async def stand(world: World) -> AsyncIterator[Stand]:
    owner, stranger = await world.staff.open_tenant(), await world.staff.open_tenant(top_up="77.00")
    person, key = await owner.new_person(), "order-17"
    message_id = await owner.send_template(person, idempotency_key=key)
    await owner.wait_events(message_id)
    yield Stand(owner, stranger, world.staff, person, message_id, key)
    for tenant in (owner, stranger):
        await tenant.callbacks.stop()


@pytest.fixture
def mint(world: World, stand: Stand) -> Mint:
    return Mint(world.stack.facts.secrets, UUID(stand.stranger.id))


def test_every_route_of_every_service_is_listed_here_with_the_way_in_which_it_is_tried() -> None:
    listed = TENANTS.keys() | INTERNAL.keys() | PUBLIC.keys()
    assert every_route() == listed
    assert not PUBLIC.keys() & (TENANTS.keys() | INTERNAL.keys())


@pytest.mark.parametrize("route", TENANTS, ids=" ".join)
async def test_another_tenants_thing_is_answered_like_one_that_does_not_exist(
    world: World, stand: Stand, mint: Mint, route: Route
) -> None:
    stand.url = world.stack.url(route.service)
    stand.token = stand.stranger.api_key if route.service == "gateway" else mint.token("tenant", route.service)
    await TENANTS[route](stand)


@pytest.mark.parametrize("route", [route for route in TENANTS if route.service == "gateway"], ids=" ".join)
async def test_a_tenants_route_opens_to_no_key_but_an_api_key(
    world: World, stand: Stand, mint: Mint, route: Route
) -> None:
    key = stand.owner.api_key
    wrong = [None, "", "garbage", key[:-1], key.swapcase(), f"{key} {key}", stand.owner.callback_secret, stand.owner.id]
    wrong += [mint.token(role, "gateway") for role in ("service", "tenant", "staff")]
    answers = [await _knock(world, stand, route, token) for token in wrong]
    assert {answer.status for answer in answers} == {401}
    assert all(answer.about() == answers[0].about() for answer in answers)


@pytest.mark.parametrize("route", INTERNAL, ids=" ".join)
async def test_an_internal_route_opens_to_its_role_only(world: World, stand: Stand, mint: Mint, route: Route) -> None:
    role = INTERNAL[route]
    right = await _knock(world, stand, route, mint.token(role, route.service))
    assert right.status not in (401, 403), "the right token must come through, or this test shows nothing"
    for what, token in mint.wrong(role, route.service, stand.owner.api_key):
        answer = await _knock(world, stand, route, token)
        assert answer.status == (403 if what.startswith("role ") else 401), what
        assert stand.owner.id not in str(answer.body), what


async def _knock(world: World, stand: Stand, route: Route, token: str | None) -> Answer:
    """Call the route about the owner's things, with an empty body: who may come in is asked before what it says."""
    path = route.path.replace("{version:graph_version}", "v23.0")
    for name, value in {
        "phone_number_id": stand.owner.phone_number_id,
        "message_id": stand.message_id,
        "tenant_id": stand.owner.id,
    }.items():
        path = path.replace(f"{{{name}}}", value)
    return await ask(world.http, route.method, world.stack.url(route.service) + path, token=token)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_what_everybody_may_read_says_nothing_of_a_tenant(world: World, stand: Stand, path: str) -> None:
    words = [
        word
        for one in (stand.owner, stand.stranger)
        for word in (one.id, one.phone_number_id, one.waba_id, one.api_key)
    ]
    for name, port in world.stack.facts.ports.items():
        if processes.base(name) in processes.MODULES and name in world.stack.names:
            answer = await ask(world.http, "GET", f"http://127.0.0.1:{port}{path}")
            assert answer.status == 200, name
            assert not [word for word in [*words, stand.person[1:]] if word in str(answer.body)], name


async def test_metas_door_opens_to_metas_secrets_only(world: World, stand: Stand, mint: Mint) -> None:
    keys = [stand.owner.api_key, stand.owner.callback_secret, mint.token("service", "webhook"), ""]
    for key in keys:
        handshake = {"hub.mode": "subscribe", "hub.challenge": "17", "hub.verify_token": key}
        answer = await ask(world.http, "GET", world.meta.url, token=key, params=handshake)
        assert answer.status == 403
        signature = "sha256=" + hmac.digest(key.encode(), b"{}", hashlib.sha256).hex()
        headers = {"X-Hub-Signature-256": signature}
        assert (await ask(world.http, "POST", world.meta.url, token=key, headers=headers, data=b"{}")).status == 401
    assert await world.meta.post(b"{}", signature="") == 401
    right = {"hub.mode": "subscribe", "hub.challenge": "17", "hub.verify_token": world.stack.facts.secrets.verify_token}
    assert (await ask(world.http, "GET", world.meta.url, params=right)).body == 17
