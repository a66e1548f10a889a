"""How another tenant's key is tried on the routes of API keys."""

from typing import Any
from uuid import uuid4

from tests.e2e.walls.trials import Stand

KEYS = "/v1/api-keys"


async def making_a_key(stand: Stand) -> None:
    """The route names no tenant but the key's own."""
    before = (await stand.owner.call("GET", KEYS)).body
    assert (await stand.ask("POST", KEYS, {"name": "theirs", "tenant_id": stand.owner.id})).status == 422
    made = await stand.ask("POST", KEYS, {"name": "mine"}, **{"X-Tenant-Id": stand.owner.id})
    assert made.status == 201
    assert (await stand.owner.call("GET", KEYS)).body == before


async def listing_keys(stand: Stand) -> None:
    theirs = (await stand.owner.call("GET", KEYS)).body["data"]
    answer = await stand.ask("GET", f"{KEYS}?tenant_id={stand.owner.id}", **{"X-Tenant-Id": stand.owner.id})
    assert answer.status == 200
    assert not {one["id"] for one in theirs} & {one["id"] for one in answer.body["data"]}


async def reading_a_key(stand: Stand) -> None:
    await _about_a_key(stand, "GET", "")


async def revoking_a_key(stand: Stand) -> None:
    await _about_a_key(stand, "DELETE", "")


async def rotating_a_key(stand: Stand) -> None:
    await _about_a_key(stand, "POST", ":rotate")


async def _about_a_key(stand: Stand, method: str, act: str) -> None:
    made = (await stand.owner.call("POST", KEYS, {"name": "theirs"})).body
    before, none = await stand.owner.call("GET", f"{KEYS}/{made['id']}"), str(uuid4())
    body: dict[str, Any] | None = {} if act else None
    refused = await stand.ask(method, f"{KEYS}/{made['id']}{act}", body)
    assert refused.status == 404
    assert refused.about(made["id"]) == (await stand.ask(method, f"{KEYS}/{none}{act}", body)).about(none)
    assert (await stand.owner.call("GET", f"{KEYS}/{made['id']}")).body == before.body
