"""`/v1/callback`, over HTTP."""

import pytest

from tests.gateway.stand import Gateway, Tenant

URL = "https://hooks.example.com/whatsapp"


async def test_a_new_tenant_has_a_secret_and_no_url(gateway: Gateway) -> None:
    tenant = await gateway.new_tenant()
    answer = await gateway.ask("GET", "/v1/callback", key=tenant.api_key)
    hint = "..." + tenant.callback_secret.rstrip("=")[-4:]
    shown = {"url": None, "state": "unset", "max_updates": 250, "secret_hint": hint}
    assert (answer.status, answer.json()) == (200, shown)
    assert tenant.callback_secret.startswith("whsec_")


async def test_the_url_that_was_put_is_read_back(gateway: Gateway) -> None:
    tenant = await gateway.new_tenant()
    put = await gateway.ask("PUT", "/v1/callback", key=tenant.api_key, json={"url": URL})
    got = await gateway.ask("GET", "/v1/callback", key=tenant.api_key)
    assert put.status == 200
    assert put.json() == got.json()
    assert (got.json()["url"], got.json()["state"]) == (URL, "active")


async def test_the_number_of_updates_in_a_post_stays_until_another_is_put(gateway: Gateway) -> None:
    tenant = await gateway.new_tenant()
    shown = []
    for given in ({"max_updates": 1}, {}, {"max_updates": 250}):
        put = await gateway.ask("PUT", "/v1/callback", key=tenant.api_key, json={"url": URL} | given)
        got = await gateway.ask("GET", "/v1/callback", key=tenant.api_key)
        assert put.json() == got.json()
        shown.append(got.json()["max_updates"])
    assert shown == [1, 1, 250]


async def test_another_tenants_key_sees_and_changes_its_own_callback_only(
    gateway: Gateway, tenant: Tenant, other_tenant: Tenant
) -> None:
    await gateway.ask("PUT", "/v1/callback", key=tenant.api_key, json={"url": URL + "/one"})
    await gateway.ask("PUT", "/v1/callback", key=other_tenant.api_key, json={"url": URL + "/two"})
    one = await gateway.ask("GET", "/v1/callback", key=tenant.api_key)
    two = await gateway.ask("GET", "/v1/callback", key=other_tenant.api_key)
    assert (one.json()["url"], two.json()["url"]) == (URL + "/one", URL + "/two")
    assert one.json()["secret_hint"] != two.json()["secret_hint"]


@pytest.mark.parametrize("method", ["GET", "PUT"])
@pytest.mark.parametrize("key", [None, "vk_live_wrong"])
async def test_without_a_valid_key_the_answer_is_401(gateway: Gateway, method: str, key: str | None) -> None:
    answer = await gateway.ask(method, "/v1/callback", key=key, json={"url": URL})
    assert answer.status == 401
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        ({"url": "http://hooks.example.com/"}, "use an https:// URL"),
        ({"url": "https://10.0.0.1/"}, "use a public address: this one is private, reserved or ours"),
        ({"url": "https://user@hooks.example.com/"}, "leave user and password out"),
        ({"url": "https://hooks.example.com/" + "x" * 3_000}, "use a URL of at most 2000 characters"),
        ({"url": 7}, "url: Input should be a valid string"),
        ({}, "url: Field required"),
        ({"url": URL, "max_updates": 0}, "max_updates: Input should be greater than or equal to 1"),
        ({"url": URL, "max_updates": 251}, "max_updates: Input should be less than or equal to 250"),
        ({"url": URL, "max_updates": None}, "max_updates: Input should be a valid integer"),
        ({"url": URL, "secret": "mine"}, "secret: Extra inputs are not permitted"),
        ([], "Input should be"),
    ],
)
async def test_a_url_that_is_not_called_is_a_422_that_says_what_to_do(
    gateway: Gateway, tenant: Tenant, body: object, advice: str
) -> None:
    answer = await gateway.ask("PUT", "/v1/callback", key=tenant.api_key, json=body)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert advice in answer.json()["detail"]
