"""Advertising goes out only where two people of the operator enabled it, and stops when one takes it back."""

from typing import Any

from deploy.local import staff
from tests.e2e.conftest import World
from tests.e2e.harness.tenants import MARKETING, Tenant
from tests.e2e.harness.waiting import eventually

REFUSED = frozenset({"failed"})


async def test_two_people_enable_advertising_and_one_takes_it_back(world: World, tenant: Tenant) -> None:
    person, path = await tenant.new_person("marketing"), f"/internal/tenants/{tenant.id}/advertising"
    refused = await tenant.wait_events(await tenant.send_template(person, name=MARKETING), REFUSED)
    assert refused["error"]["reason"] == "policy"
    assert "advertising-to-russia@1" in refused["trace"][-1]["text"]

    asked = await _call(world, "anna", path, {"countries": ["RU"], "legal_basis": "решение юриста от 2026-11-20"})
    approval = f"/internal/approvals/{asked['id']}:approve"
    assert (await _call(world, "anna", approval))["title"] == "same_person"
    assert (await _call(world, "boris", approval))["state"] == "approved"

    async def goes_out() -> bool:
        told = await tenant.wait_events(await tenant.send_template(person, name=MARKETING), frozenset({"accepted"}))
        state = (await tenant.wait_state(told["id"], "failed", "sent", "delivered", "read"))["state"]
        return bool(state != "failed")

    await eventually(goes_out, "the new rule to be heard of")
    revoked = await _call(world, "vera", f"{path}:revoke", {"reason": "жалобы"})
    assert revoked["is_enabled"] is False

    async def is_refused() -> bool:
        return not await goes_out()

    await eventually(is_refused, "the revocation to be heard of")


async def _call(world: World, who: str, path: str, body: Any = None) -> dict[str, Any]:
    token = staff.token(world.stack.facts.secrets, subject=who)
    url, headers = world.stack.url("consent") + path, {"Authorization": f"Bearer {token}"}
    async with world.http.post(url, json=body, headers=headers) as answer:
        found: dict[str, Any] = await answer.json(content_type=None)
        return found
