"""How another tenant's key is tried on callback endpoints: an endpoint of the owner is as one that does not exist."""

from collections.abc import Callable
from typing import Any

from services.kernel.identifiers import uuid7
from tests.e2e.walls.trials import Stand, Trial

PATH = "/v1/callbacks"


async def adding_an_endpoint(stand: Stand) -> None:
    """It becomes the stranger's own, whatever the request says of tenants."""
    before = await stand.owner.call("GET", PATH)
    url = "http://127.0.0.1:9/theirs"
    refused = await stand.ask("POST", PATH, {"url": url, "tenant_id": stand.owner.id})
    assert refused.status == 422
    made = await stand.ask("POST", f"{PATH}?tenant_id={stand.owner.id}", {"url": url}, **_claiming(stand))
    assert made.status == 201
    assert (await stand.owner.call("GET", PATH)).body == before.body
    assert (await stand.ask("DELETE", f"{PATH}/{made.body['id']}")).status == 204


async def listing_endpoints(stand: Stand) -> None:
    theirs = {one["id"] for one in (await stand.owner.call("GET", PATH)).body["data"]}
    answer = await stand.ask("GET", f"{PATH}?tenant_id={stand.owner.id}", **_claiming(stand))
    assert answer.status == 200
    assert theirs.isdisjoint(one["id"] for one in answer.body["data"])


def _on_one(method: str, suffix: str = "", body: Callable[[Stand], Any] | None = None) -> Trial:
    async def trial(stand: Stand) -> None:
        before = await stand.owner.call("GET", PATH)
        theirs, none = before.body["data"][0]["id"], str(uuid7())
        sent = None if body is None else body(stand)
        refused = await stand.ask(method, f"{PATH}/{theirs}{suffix}", sent, **_claiming(stand))
        assert refused.status == 404
        missing = await stand.ask(method, f"{PATH}/{none}{suffix}", sent, **_claiming(stand))
        assert refused.about(theirs) == missing.about(none)
        assert (await stand.owner.call("GET", PATH)).body == before.body

    return trial


reading_an_endpoint = _on_one("GET")
changing_an_endpoint = _on_one("PATCH", body=lambda stand: {"url": "http://127.0.0.1:9/theirs"})
removing_an_endpoint = _on_one("DELETE")
enabling_an_endpoint = _on_one("POST", ":enable")
disabling_an_endpoint = _on_one("POST", ":disable")
rotating_a_secret = _on_one("POST", ":rotate-secret", lambda stand: {"overlap_hours": 0})
confirming_a_secret = _on_one("POST", ":confirm-secret")
sending_a_test = _on_one("POST", ":test")
listing_attempts = _on_one("GET", "/attempts")
replaying = _on_one("POST", ":replay", lambda stand: {"message_id": stand.message_id})


async def replaying_the_owners_message(stand: Stand) -> None:
    """Also at an endpoint of the stranger's own the owner's message is none."""
    await replaying(stand)
    put = await stand.ask("PUT", "/v1/callback", {"url": "http://127.0.0.1:9/mine"})
    assert put.status == 200
    own = (await stand.ask("GET", PATH)).body["data"][0]["id"]
    other = (await stand.ask("POST", PATH, {"url": "http://127.0.0.1:9/mine"})).body["id"]  # one replay in a while each
    none = str(uuid7())
    refused = await stand.ask("POST", f"{PATH}/{own}:replay", {"message_id": stand.message_id})
    assert refused.status == 404
    missing = await stand.ask("POST", f"{PATH}/{other}:replay", {"message_id": none})
    assert refused.about(stand.message_id) == missing.about(none)
    assert (await stand.ask("DELETE", f"{PATH}/{other}")).status == 204


def _claiming(stand: Stand) -> dict[str, str]:
    """Headers in which a caller could claim to be somebody else, if anybody believed them."""
    return {"X-Tenant-Id": stand.owner.id, "X-Forwarded-User": stand.owner.id}
