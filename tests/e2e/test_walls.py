"""Nobody comes through the wrong door: every route of every service is tried with another tenant's key."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from deploy.local import processes
from tests.e2e.conftest import World
from tests.e2e.walls import endpoints, files, keys, money, readings, sendings, trials, words
from tests.e2e.walls.asking import Answer, ask
from tests.e2e.walls.routes import Route, every_route
from tests.e2e.walls.tokens import Mint
from tests.e2e.walls.trials import Stand, Trial

NO_ID = "019234ab-5d10-7c3e-9f00-2b6f1f0f9a11"
PROFILE = "/{version:graph_version}/{phone_number_id}/whatsapp_business_profile"

# The tenant's own things: another tenant's key finds them as little as what does not exist.
TENANTS: dict[Route, Trial] = {
    Route("gateway", "POST", "/{version:graph_version}/{phone_number_id}/messages"): trials.sending,
    Route("gateway", "POST", "/v1/messages:batch"): sendings.sending_a_batch,
    Route("gateway", "POST", "/v1/messages:check"): sendings.checking_a_message,
    Route("gateway", "GET", "/v1/messages/{message_id}"): trials.reading_a_message,
    Route("gateway", "GET", "/v1/messages"): readings.listing_messages,
    Route("gateway", "POST", "/v1/messages/{message_id}:cancel"): readings.cancelling_a_message,
    Route("gateway", "GET", "/{version:graph_version}/{object_id}"): readings.reading_an_object,
    Route("gateway", "GET", "/{version:graph_version}/{waba_id}/phone_numbers"): readings.listing_numbers,
    Route("gateway", "GET", "/{version:graph_version}/{waba_id}/message_templates"): readings.listing_templates,
    Route("gateway", "GET", PROFILE): readings.reading_a_profile,
    Route("gateway", "POST", PROFILE): readings.changing_a_profile,
    Route("gateway", "POST", "/{version:graph_version}/{phone_number_id}/media"): files.uploading,
    Route("gateway", "DELETE", "/{version:graph_version}/{media_id}"): files.deleting,
    Route("gateway", "GET", "/media/{media_id}"): files.downloading,
    Route("gateway", "PUT", "/v1/callback"): trials.setting_the_callback,
    Route("gateway", "GET", "/v1/callback"): trials.reading_the_callback,
    Route("gateway", "POST", "/v1/callbacks"): endpoints.adding_an_endpoint,
    Route("gateway", "GET", "/v1/callbacks"): endpoints.listing_endpoints,
    Route("gateway", "GET", "/v1/callbacks/{endpoint_id}"): endpoints.reading_an_endpoint,
    Route("gateway", "PATCH", "/v1/callbacks/{endpoint_id}"): endpoints.changing_an_endpoint,
    Route("gateway", "DELETE", "/v1/callbacks/{endpoint_id}"): endpoints.removing_an_endpoint,
    Route("gateway", "POST", "/v1/callbacks/{endpoint_id}:enable"): endpoints.enabling_an_endpoint,
    Route("gateway", "POST", "/v1/callbacks/{endpoint_id}:disable"): endpoints.disabling_an_endpoint,
    Route("gateway", "POST", "/v1/callbacks/{endpoint_id}:rotate-secret"): endpoints.rotating_a_secret,
    Route("gateway", "POST", "/v1/callbacks/{endpoint_id}:confirm-secret"): endpoints.confirming_a_secret,
    Route("gateway", "POST", "/v1/callbacks/{endpoint_id}:test"): endpoints.sending_a_test,
    Route("gateway", "GET", "/v1/callbacks/{endpoint_id}/attempts"): endpoints.listing_attempts,
    Route("gateway", "POST", "/v1/callbacks/{endpoint_id}:replay"): endpoints.replaying_the_owners_message,
    Route("gateway", "POST", "/v1/api-keys"): keys.making_a_key,
    Route("gateway", "GET", "/v1/api-keys"): keys.listing_keys,
    Route("gateway", "GET", "/v1/api-keys/{key_id}"): keys.reading_a_key,
    Route("gateway", "DELETE", "/v1/api-keys/{key_id}"): keys.revoking_a_key,
    Route("gateway", "POST", "/v1/api-keys/{key_id}:rotate"): keys.rotating_a_key,
    Route("gateway", "POST", "/v1/consents"): trials.recording_consent,
    Route("gateway", "GET", "/v1/consents"): trials.reading_consents,
    Route("gateway", "POST", "/v1/consents:withdraw"): trials.withdrawing_consent,
    Route("gateway", "PUT", "/v1/keywords"): words.setting_keywords,
    Route("gateway", "GET", "/v1/keywords"): words.reading_keywords,
    Route("gateway", "GET", "/v1/billing/balance"): trials.reading_the_balance,
    Route("gateway", "GET", "/v1/billing/charges"): money.listing_charges,
    Route("gateway", "GET", "/v1/billing/usage"): money.reading_usage,
    # The same routes at their owners, where the gateway's token says which tenant asks.
    Route("consent", "POST", "/v1/consents"): trials.recording_consent,
    Route("consent", "GET", "/v1/consents"): trials.reading_consents,
    Route("consent", "POST", "/v1/consents:withdraw"): trials.withdrawing_consent,
    Route("billing", "GET", "/v1/billing/balance"): trials.reading_the_balance,
    Route("billing", "GET", "/v1/billing/charges"): money.listing_charges,
    Route("billing", "GET", "/v1/billing/usage"): money.reading_usage,
}
# Routes for one role of internal token; a tenant's key is nothing there.
INTERNAL: dict[Route, str] = {
    Route("gateway", "POST", "/internal/tenants"): "staff",
    Route("gateway", "POST", "/internal/tenants/{tenant_id}/numbers"): "staff",
    Route("gateway", "POST", "/internal/tenants/{tenant_id}/templates"): "staff",
    Route("gateway", "POST", "/internal/tenants/{tenant_id}/api-keys"): "staff",
    Route("billing", "POST", "/internal/tenants/{tenant_id}/top-ups"): "staff",
    Route("billing", "GET", "/internal/tenants/{tenant_id}/credit-limit"): "staff",
    Route("billing", "PUT", "/internal/tenants/{tenant_id}/credit-limit"): "staff",
    Route("billing", "GET", "/internal/rate-cards"): "staff",
    Route("billing", "POST", "/internal/rate-cards"): "staff",
    Route("billing", "GET", "/internal/approvals"): "staff",
    Route("billing", "GET", "/internal/approvals/{approval_id}"): "staff",
    Route("billing", "POST", "/internal/approvals/{approval_id}:approve"): "staff",
    Route("billing", "POST", "/internal/approvals/{approval_id}:refuse"): "staff",
    Route("billing", "POST", "/internal/quotes"): "service",
    Route("billing", "GET", "/internal/tenants/{tenant_id}/charges/{message_id}"): "service",
    Route("consent", "POST", "/internal/questions"): "service",
    Route("consent", "POST", "/internal/checks"): "service",
    Route("consent", "GET", "/internal/tenants/{tenant_id}/decisions/{message_id}"): "service",
    Route("consent", "GET", "/internal/policy/rules"): "staff",
    Route("consent", "POST", "/internal/policy/rules"): "staff",
    Route("consent", "POST", "/internal/policy/rules/{rule_id}:end"): "staff",
    Route("consent", "GET", "/internal/tenants/{tenant_id}/advertising"): "staff",
    Route("consent", "POST", "/internal/tenants/{tenant_id}/advertising"): "staff",
    Route("consent", "POST", "/internal/tenants/{tenant_id}/advertising:revoke"): "staff",
    Route("consent", "GET", "/internal/approvals"): "staff",
    Route("consent", "GET", "/internal/approvals/{approval_id}"): "staff",
    Route("consent", "POST", "/internal/approvals/{approval_id}:approve"): "staff",
    Route("consent", "POST", "/internal/approvals/{approval_id}:refuse"): "staff",
    Route("webhook", "GET", "/internal/quarantine"): "staff",
    Route("webhook", "POST", "/internal/quarantine:replay"): "staff",
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
    Route("gateway", "GET", "/openapi.json"): "the document of this door: made with the code, the same for everybody",
    Route("gateway", "GET", "/docs"): "the same document as a page",
    Route("gateway", "GET", "/docs/page.css"): "its looks",
    Route("gateway", "GET", "/docs/page.js"): "its search",
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
        "object_id": stand.owner.phone_number_id,
        "waba_id": stand.owner.waba_id,
        "message_id": stand.message_id,
        "key_id": NO_ID,
        "endpoint_id": NO_ID,
        "media_id": NO_ID,
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
    for key in (stand.owner.api_key, stand.owner.callback_secret, mint.token("service", "webhook"), ""):
        handshake = {"hub.mode": "subscribe", "hub.challenge": "17", "hub.verify_token": key}
        answer = await ask(world.http, "GET", world.meta.url, token=key, params=handshake)
        assert answer.status == 403
        signature = "sha256=" + hmac.digest(key.encode(), b"{}", hashlib.sha256).hex()
        headers = {"X-Hub-Signature-256": signature}
        assert (await ask(world.http, "POST", world.meta.url, token=key, headers=headers, data=b"{}")).status == 401
    assert await world.meta.post(b"{}", signature="") == 401
    right = {"hub.mode": "subscribe", "hub.challenge": "17", "hub.verify_token": world.stack.facts.secrets.verify_token}
    assert (await ask(world.http, "GET", world.meta.url, params=right)).body == 17
