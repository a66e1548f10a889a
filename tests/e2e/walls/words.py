"""Another tenant's key on the routes of keywords: they name no tenant but the key's own."""

from tests.e2e.walls.trials import Stand


async def setting_keywords(stand: Stand) -> None:
    before = (await stand.owner.call("GET", "/v1/keywords")).body
    claim = {"X-Tenant-Id": stand.owner.id}
    answer = await stand.ask("PUT", f"/v1/keywords?tenant_id={stand.owner.id}", {"stop": ["Довольно"]}, **claim)
    assert (answer.status, answer.body["stop"]) == (200, ["Довольно"])
    assert (await stand.owner.call("GET", "/v1/keywords")).body == before


async def reading_keywords(stand: Stand) -> None:
    await stand.owner.call("PUT", "/v1/keywords", {"stop": ["Моё слово"]})
    answer = await stand.ask("GET", f"/v1/keywords?tenant_id={stand.owner.id}")
    assert answer.status == 200
    assert "Моё слово" not in answer.body["stop"]
