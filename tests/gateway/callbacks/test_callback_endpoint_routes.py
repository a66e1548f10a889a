"""`/v1/callbacks`, over HTTP."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.gateway.callbacks import management, notices
from services.gateway.callbacks.management import ENDPOINTS_MAX
from services.gateway.callbacks.notices import TESTS_WAITING_MAX
from services.gateway.callbacks.topics import TOPICS
from services.kernel import clock
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from tests.gateway.stand import Answer, Gateway, Tenant

PATH = "/v1/callbacks"
URL = "https://hooks.example.com/whatsapp"


@pytest.fixture
async def shop(gateway: Gateway) -> Tenant:
    """A tenant whose endpoints no other test counts."""
    return await gateway.new_tenant()


async def _ask(gateway: Gateway, tenant: Tenant, method: str, path: str = "", json: object = None) -> Answer:
    options = {} if json is None else {"json": json}
    return await gateway.ask(method, PATH + path, key=tenant.api_key, **options)


async def _first(gateway: Gateway, tenant: Tenant) -> dict[str, Any]:
    first: dict[str, Any] = (await _ask(gateway, tenant, "GET")).json()["data"][0]
    return first


async def test_a_new_tenant_has_the_endpoint_of_v1_callback_alone(gateway: Gateway, shop: Tenant) -> None:
    [first] = (await _ask(gateway, shop, "GET")).json()["data"]
    assert (first["is_first"], first["url"], first["state"], first["events"]) == (True, None, "unset", None)
    await gateway.ask("PUT", "/v1/callback", key=shop.api_key, json={"url": URL})
    shown = await _ask(gateway, shop, "GET", f"/{first['id']}")
    assert (shown.json()["url"], shown.json()["state"], shown.json()["disabled"]) == (URL, "active", None)


async def test_an_endpoint_is_added_with_a_secret_that_is_shown_once(gateway: Gateway, shop: Tenant) -> None:
    body = {"url": URL, "events": ["statuses", "messages", "statuses"], "description": "Учёт", "max_updates": 7}
    made = await _ask(gateway, shop, "POST", json=body)
    assert made.status == 201
    new = made.json()
    assert new.pop("secret").startswith("whsec_")
    assert (new["events"], new["description"], new["is_first"]) == (["statuses", "messages"], "Учёт", False)
    assert new["max_updates"] == 7
    got = await _ask(gateway, shop, "GET", f"/{new['id']}")
    assert got.json() == new
    listed = (await _ask(gateway, shop, "GET")).json()["data"]
    assert [one["id"] for one in listed][1:] == [new["id"]]


async def test_what_is_not_given_stays_as_it_was(gateway: Gateway, shop: Tenant) -> None:
    new = (await _ask(gateway, shop, "POST", json={"url": URL, "events": ["messages"], "description": "a"})).json()
    path = f"/{new['id']}"
    changed = (await _ask(gateway, shop, "PATCH", path, {"url": URL + "/2"})).json()
    assert (changed["url"], changed["events"], changed["description"]) == (URL + "/2", ["messages"], "a")
    changed = (await _ask(gateway, shop, "PATCH", path, {"events": None, "description": None})).json()
    assert (changed["url"], changed["events"], changed["description"]) == (URL + "/2", None, None)
    assert changed["max_updates"] == 250
    changed = (await _ask(gateway, shop, "PATCH", path, {"max_updates": 1})).json()
    assert (changed["url"], changed["max_updates"]) == (URL + "/2", 1)
    assert (await _ask(gateway, shop, "PATCH", path, {"events": ["messages"]})).json()["max_updates"] == 1


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ({}, "give at least one of url, events, description, max_updates"),
        ({"url": None}, "url: Input should be a valid string"),
        ({"url": "http://hooks.example.com/"}, "use an https:// URL"),
        ({"events": []}, "events: List should have at least 1 item"),
        ({"events": ["status"]}, "events: 'status' is no topic; give some of: "),
        ({"events": "messages"}, "events: Input should be a valid list"),
        ({"events": ["messages"] * 51}, "events: List should have at most 50 items"),
        ({"description": "x" * 201}, "description: String should have at most 200 characters"),
        ({"description": "a\x00b"}, "description: String should match pattern"),
        ({"max_updates": 0}, "max_updates: Input should be greater than or equal to 1"),
        ({"max_updates": 251}, "max_updates: Input should be less than or equal to 250"),
        ({"max_updates": "7"}, "max_updates: Input should be a valid integer"),
        ({"max_updates": None}, "max_updates: Input should be a valid integer"),
        ({"secret": "mine"}, "secret: Extra inputs are not permitted"),
    ],
)
async def test_what_is_not_acceptable_is_a_422_that_names_field_and_rule(
    gateway: Gateway, tenant: Tenant, body: object, advice: str
) -> None:
    first = await _first(gateway, tenant)
    answer = await _ask(gateway, tenant, "PATCH", f"/{first['id']}", body)
    assert answer.status == 422
    assert advice in answer.json()["detail"]


async def test_an_unknown_topic_is_refused_with_those_that_exist(gateway: Gateway, shop: Tenant) -> None:
    answer = await _ask(gateway, shop, "POST", json={"url": URL, "events": ["messages", "statuses.gone"]})
    assert answer.status == 422
    assert answer.json()["title"] == "bad_topic"
    assert all(topic in answer.json()["detail"] for topic in TOPICS)


async def test_a_tenant_has_ten_endpoints_at_most(gateway: Gateway, shop: Tenant) -> None:
    for _ in range(ENDPOINTS_MAX - 1):
        assert (await _ask(gateway, shop, "POST", json={"url": URL})).status == 201
    refused = await _ask(gateway, shop, "POST", json={"url": URL})
    assert (refused.status, refused.json()["title"]) == (409, "too_many_endpoints")
    last = (await _ask(gateway, shop, "GET")).json()["data"][-1]
    assert (await _ask(gateway, shop, "DELETE", f"/{last['id']}")).status == 204
    assert (await _ask(gateway, shop, "GET", f"/{last['id']}")).status == 404
    assert (await _ask(gateway, shop, "POST", json={"url": URL})).status == 201


async def test_the_first_endpoint_stays(gateway: Gateway, shop: Tenant) -> None:
    first = await _first(gateway, shop)
    refused = await _ask(gateway, shop, "DELETE", f"/{first['id']}")
    assert (refused.status, refused.json()["title"]) == (409, "first_endpoint")


async def test_an_endpoint_is_disabled_and_enabled(gateway: Gateway, shop: Tenant) -> None:
    path = f"/{(await _ask(gateway, shop, 'POST', json={'url': URL})).json()['id']}"
    disabled = (await _ask(gateway, shop, "POST", path + ":disable")).json()
    assert (disabled["state"], disabled["disabled"]["reason"]) == ("disabled", "by_tenant")
    assert (await _ask(gateway, shop, "POST", path + ":disable")).json() == disabled
    for act, body in ((":test", None), (":replay", {"message_id": str(uuid7())})):
        refused = await _ask(gateway, shop, "POST", path + act, body)
        assert (refused.status, refused.json()["title"]) == (409, "endpoint_not_active")
    enabled = (await _ask(gateway, shop, "POST", path + ":enable")).json()
    assert (enabled["state"], enabled["disabled"]) == ("active", None)


async def test_an_endpoint_without_a_url_cannot_be_disabled(gateway: Gateway, shop: Tenant) -> None:
    first = await _first(gateway, shop)
    refused = await _ask(gateway, shop, "POST", f"/{first['id']}:disable")
    assert (refused.status, refused.json()["title"]) == (409, "endpoint_not_active")


async def test_a_put_enables_the_first_endpoint_again(gateway: Gateway, shop: Tenant) -> None:
    await gateway.ask("PUT", "/v1/callback", key=shop.api_key, json={"url": URL})
    first = await _first(gateway, shop)
    await _ask(gateway, shop, "POST", f"/{first['id']}:disable")
    got = await gateway.ask("GET", "/v1/callback", key=shop.api_key)
    assert got.json()["state"] == "disabled"
    put = await gateway.ask("PUT", "/v1/callback", key=shop.api_key, json={"url": URL})
    assert put.json()["state"] == "active"


async def test_a_secret_is_rotated_with_an_overlap_that_a_second_rotation_respects(
    gateway: Gateway, shop: Tenant
) -> None:
    first = await _first(gateway, shop)
    path = f"/{first['id']}"
    new = (await _ask(gateway, shop, "POST", path + ":rotate-secret")).json()
    assert new["secret"] != shop.callback_secret
    assert new["secret_hint"] == "..." + new["secret"].rstrip("=")[-4:]
    assert new["old_secret_until"] is not None
    refused = await _ask(gateway, shop, "POST", path + ":rotate-secret", {"overlap_hours": 1})
    assert (refused.status, refused.json()["title"]) == (409, "rotation_under_way")
    confirmed = (await _ask(gateway, shop, "POST", path + ":confirm-secret")).json()
    assert confirmed["old_secret_until"] is None
    at_once = (await _ask(gateway, shop, "POST", path + ":rotate-secret", {"overlap_hours": 0})).json()
    assert (at_once["old_secret_until"], at_once["secret"] == new["secret"]) == (None, False)


@pytest.mark.parametrize("hours", [-1, 169, "24", 1.5, True, None])
async def test_an_overlap_is_of_whole_hours_up_to_a_week(gateway: Gateway, tenant: Tenant, hours: object) -> None:
    first = await _first(gateway, tenant)
    answer = await _ask(gateway, tenant, "POST", f"/{first['id']}:rotate-secret", {"overlap_hours": hours})
    assert answer.status == 422
    assert "overlap_hours: " in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ({}, "give either message_id, or from and to"),
        ({"message_id": str(uuid7()), "from": "2026-11-22T10:00:00Z"}, "give either message_id, or from and to"),
        ({"message_id": str(uuid7()), "to": "2026-11-22T10:00:00Z"}, "give to together with from only"),
        ({"message_id": "wamid.HBg"}, "message_id: Input should be a valid UUID"),
        ({"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T10:00:00Z"}, "from must be before to"),
        ({"from": "2026-11-22T10:00:00"}, "from: Input should have timezone info"),
        ({"from": 1_700_000_000}, "write from and to as RFC 3339 times"),
        ({"from": "2020-01-01T00:00:00Z"}, "from: what was told is kept for 10 days"),
        ({"from": "2120-01-01T00:00:00Z"}, "from: this time is in the future"),
    ],
)
async def test_a_replay_says_what_is_wrong_with_it(gateway: Gateway, shop: Tenant, body: object, advice: str) -> None:
    await gateway.ask("PUT", "/v1/callback", key=shop.api_key, json={"url": URL})
    first = await _first(gateway, shop)
    answer = await _ask(gateway, shop, "POST", f"/{first['id']}:replay", body)
    assert answer.status == 422
    assert advice in answer.json()["detail"]


async def test_a_replay_of_a_message_of_which_nothing_was_told_is_a_404(gateway: Gateway, shop: Tenant) -> None:
    await gateway.ask("PUT", "/v1/callback", key=shop.api_key, json={"url": URL})
    path = f"/{(await _first(gateway, shop))['id']}:replay"
    refused = await _ask(gateway, shop, "POST", path, {"message_id": str(uuid7())})
    assert (refused.status, refused.json()["title"]) == (404, "nothing_told")
    since = (clock.now() - timedelta(hours=1)).isoformat()
    other = (await _ask(gateway, shop, "POST", json={"url": URL})).json()["id"]
    nothing = await _ask(gateway, shop, "POST", f"/{other}:replay", {"from": since})
    assert (nothing.status, nothing.json()) == (202, {"queued": 0, "already_waiting": 0, "resume_from": None})


async def test_a_test_is_queued_and_named(gateway: Gateway, shop: Tenant) -> None:
    await gateway.ask("PUT", "/v1/callback", key=shop.api_key, json={"url": URL})
    answer = await _ask(gateway, shop, "POST", f"/{(await _first(gateway, shop))['id']}:test")
    assert answer.status == 202
    assert set(answer.json()) == {"event_id"}


@pytest.mark.parametrize(
    ("act", "body", "seconds"), [(":replay", {"from": "2999-01-01T00:00:00Z"}, "5"), (":test", None, "1")]
)
async def test_an_endpoint_is_replayed_and_tested_only_so_often(
    gateway: Gateway, shop: Tenant, act: str, body: object, seconds: str
) -> None:
    made = [(await _ask(gateway, shop, "POST", json={"url": URL})).json()["id"] for _ in range(2)]
    first, again, other = [await _ask(gateway, shop, "POST", f"/{one}{act}", body) for one in (made[0], *made)]
    assert {first.status, other.status} <= {202, 422}
    assert (again.status, again.headers["Content-Type"]) == (429, "application/problem+json")
    assert (again.json()["title"], again.headers["Retry-After"]) == ("too_many_requests", seconds)


async def test_only_so_many_tests_wait_for_an_endpoint(
    gateway_database: Database, gateway: Gateway, shop: Tenant
) -> None:
    made = [(await _ask(gateway, shop, "POST", json={"url": URL})).json()["id"] for _ in range(2)]
    async with gateway_database.transaction() as connection:
        row = await management.find(connection, shop.id, UUID(made[0]))
        for _ in range(TESTS_WAITING_MAX):
            await notices.send_test(connection, gateway.app.state.keyring, row)
    refused, other = [await _ask(gateway, shop, "POST", f"/{one}:test") for one in made]
    assert (refused.status, refused.json()["title"]) == (409, "too_many_tests")
    assert "20 tests wait for this endpoint" in refused.json()["detail"]
    assert other.status == 202


async def test_attempts_of_an_endpoint_that_was_never_called_are_an_empty_page(gateway: Gateway, shop: Tenant) -> None:
    path = f"/{(await _first(gateway, shop))['id']}/attempts"
    assert (await _ask(gateway, shop, "GET", path)).json() == {"data": [], "next_cursor": None}
    for query in ("?cursor=next", "?limit=0", "?limit=101", "?size=3"):
        assert (await _ask(gateway, shop, "GET", path + query)).status == 422


@pytest.mark.parametrize("endpoint_id", [str(uuid7()), "mine", "%00", "x" * 5_000])
async def test_an_id_of_nothing_is_a_404(gateway: Gateway, tenant: Tenant, endpoint_id: str) -> None:
    for method, act in (("GET", ""), ("DELETE", ""), ("POST", ":enable"), ("GET", "/attempts")):
        answer = await _ask(gateway, tenant, method, f"/{endpoint_id}{act}")
        assert answer.status in {404, 422}


async def test_an_endpoint_of_another_tenant_is_answered_like_none_and_stays_as_it_is(
    gateway: Gateway, shop: Tenant, tenant: Tenant
) -> None:
    theirs = (await _ask(gateway, shop, "POST", json={"url": URL})).json()
    path = f"/{theirs['id']}"
    asked: list[tuple[str, str, object]] = [
        ("GET", "", None),
        ("PATCH", "", {"url": URL + "/ours"}),
        ("DELETE", "", None),
    ]
    asked += [("POST", act, None) for act in (":enable", ":disable", ":rotate-secret", ":confirm-secret", ":test")]
    asked += [("GET", "/attempts", None)]
    for method, act, body in asked:
        answer = await _ask(gateway, tenant, method, path + act, body)
        assert (answer.status, answer.json()["title"]) == (404, "no_such_endpoint"), (method, act)
    theirs.pop("secret")
    assert (await _ask(gateway, shop, "GET", path)).json() == theirs
