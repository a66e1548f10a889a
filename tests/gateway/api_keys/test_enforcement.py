"""A key opens what its scopes, networks and dates say, on every route of a tenant."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import text as sql

from services.gateway.tenants.service import new_api_key
from services.kernel.db import Database
from tests.gateway.api_keys.stand import Keyholder
from tests.gateway.stand import AnotherGateway, Answer, Gateway, Tenant, text

# Routes that ask for no API key: the process's own, and the document that everybody may read.
OPEN = ("/healthz", "/readyz", "/metrics", "/openapi", "/docs", "/internal/")
IDS = {"{version:graph_version}": "v23.0", "{version}": "v23.0"}


def public_routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in iter_route_contexts(app.routes):
        path = route.path or repr(route)
        if not path.startswith(OPEN):
            for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
                yield method, path


def filled(path: str, phone_number_id: str) -> str:
    """The path with an id in each place."""
    for name, value in IDS.items():
        path = path.replace(name, value)
    while "{" in path:
        start, end = path.index("{"), path.index("}")
        path = path[:start] + phone_number_id + path[end + 1 :]
    return path


async def test_every_public_route_demands_a_scope_and_names_the_one_that_is_missing(holder: Keyholder) -> None:
    """Of two keys with one scope each, every route refuses at least one."""
    keys = [(await holder.make(scopes=[scope]))["key"] for scope in ("billing", "media")]
    routes = list(public_routes(holder.gateway.app))
    assert len(routes) > 10
    for method, path in routes:
        asked = filled(path, holder.tenant.phone_number_id)
        answers = [await holder.gateway.ask(method, asked, key=key) for key in keys]
        refused = [answer for answer in answers if answer.status == 403]
        assert refused, f"{method} {path} opens to any key: {[answer.status for answer in answers]}"
        assert all("lacks the scope" in _detail(answer) for answer in refused), f"{method} {path}"


def _detail(answer: Answer) -> str:
    body: dict[str, Any] = answer.json()
    return str(body["error"]["error_data"]["details"] if "error" in body else body["detail"])


async def test_the_send_door_names_the_missing_scope_in_metas_envelope(holder: Keyholder) -> None:
    key = (await holder.make(scopes=["messages:read"]))["key"]
    answer = await holder.gateway.ask("POST", holder.tenant.path, key=key, json=text())
    assert answer.status == 403
    assert answer.error["code"] == 10
    assert "lacks the scope messages:send" in answer.error["error_data"]["details"]


async def test_a_key_with_the_scope_alone_sends(holder: Keyholder) -> None:
    key = (await holder.make(scopes=["messages:send"]))["key"]
    assert (await holder.gateway.ask("POST", holder.tenant.path, key=key, json=text())).status == 200


@pytest.mark.parametrize(("networks", "status"), [(["203.0.113.0/24"], 403), (["203.0.113.0/24", "127.0.0.0/8"], 200)])
async def test_a_key_works_from_its_networks_only(holder: Keyholder, networks: list[str], status: int) -> None:
    key = (await holder.make(networks=networks))["key"]
    answers = [
        await holder.use(key),
        await holder.use(key, headers={"X-Forwarded-For": "203.0.113.9"}),
        await holder.gateway.ask("POST", holder.tenant.path, key=key, json=text()),
    ]
    assert [answer.status for answer in answers] == [status] * 3
    assert status == 200 or all("network" in _detail(answer) for answer in answers)


async def test_behind_a_trusted_proxy_the_caller_is_whom_the_proxy_names(
    another_gateway: AnotherGateway, holder: Keyholder
) -> None:
    key = (await holder.make(networks=["203.0.113.0/24", "2001:db8::/32"]))["key"]
    expected = {
        "203.0.113.9": 200,
        "198.51.100.1, 203.0.113.9": 200,
        "203.0.113.9, 198.51.100.1": 403,  # the caller wrote the first one itself
        "203.0.113.9, 127.0.0.5": 200,  # two proxies of ours
        "203.0.113.9:4711": 200,
        "[2001:db8::7]:443": 200,
        "::ffff:203.0.113.9": 200,
        "unknown": 403,
        "203.0.113.9, unknown": 403,
        "": 403,
    }
    http = {"port": 0, "trusted_proxies": ["127.0.0.0/8"]}
    async with another_gateway(http=http) as gateway:
        for said, status in expected.items():
            answer = await gateway.ask("GET", "/v1/callback", key=key, headers={"X-Forwarded-For": said})
            assert answer.status == status, said


async def test_a_key_works_between_its_dates_only(holder: Keyholder, gateway_database: Database) -> None:
    early = await holder.make(valid_from="2100-01-01T00:00:00Z")
    late = await holder.make(valid_until="2100-01-01T00:00:00Z")
    async with gateway_database.transaction() as connection:
        past = sql("update api_keys set valid_until = now() - interval '1 second' where id = :i")
        await connection.execute(past, {"i": late["id"]})
    for made, words in ((early, "not valid yet"), (late, "has expired")):
        answer = await holder.use(made["key"])
        assert answer.status == 401
        assert words in _detail(answer)
        graph = await holder.gateway.ask("POST", holder.tenant.path, key=made["key"], json=text())
        assert (graph.status, graph.error["code"]) == (401, 190)
        assert words in graph.error["error_data"]["details"]
    assert [one["state"] for one in await holder.all()] == ["active", "not_yet_valid", "expired"]


async def test_a_key_works_from_its_first_moment_and_no_longer_at_its_last(
    holder: Keyholder, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await holder.make(valid_from="2040-01-01T00:00:00Z", valid_until="2040-01-02T00:00:00Z")
    first, last = (datetime.fromisoformat(made[name]).timestamp() for name in ("valid_from", "valid_until"))
    for moment, status in ((first - 0.001, 401), (first, 200), (last - 0.001, 200), (last, 401)):
        monkeypatch.setattr("services.gateway.tenants.admission.time", lambda moment=moment: moment)
        answer = await holder.gateway.ask("POST", holder.tenant.path, key=made["key"], json=text())
        assert answer.status == status, moment


async def test_unknown_and_revoked_keys_are_answered_alike(gateway: Gateway, tenant: Tenant, holder: Keyholder) -> None:
    revoked = await holder.make()
    await holder.ask("DELETE", f"/{revoked['id']}")
    keys = [None, "vk_live_x", new_api_key(), new_api_key("test"), revoked["key"], tenant.api_key[:-1]]
    answers = [await gateway.ask("GET", "/v1/callback", key=key) for key in keys]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
