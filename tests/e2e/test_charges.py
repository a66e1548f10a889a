"""Money that two people booked pays for messages, and the tenant reads what each of them and the month cost."""

from typing import Any

from tests.e2e.conftest import MakeTenant
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


async def charge_of(tenant: Tenant, message_id: str, state: str) -> dict[str, Any]:
    """The charge of a message, once it is in this state."""

    async def probe() -> dict[str, Any] | None:
        answer = await tenant.call("GET", f"/v1/billing/charges?state={state}")
        assert answer.status == 200, answer.body
        return next((charge for charge in answer.body["data"] if charge["message_id"] == message_id), None)

    found: dict[str, Any] = await eventually(probe, f"{message_id} {state}")
    return found


async def test_a_tenant_reads_what_its_messages_and_its_month_cost(make_tenant: MakeTenant) -> None:
    tenant = await make_tenant(top_up="250000.00")
    assert (await tenant.wallet())[0] == "250000.00"
    delivered = await tenant.send_template(await tenant.new_person())
    charge = await charge_of(tenant, delivered, "captured")
    assert (charge["price"], charge["position"]) == ({"amount": "6.00", "currency": "RUB"}, 1)
    assert (charge["category"], charge["is_free"], charge["returned_at"]) == ("utility", False, None)
    (month,) = (await tenant.call("GET", "/v1/billing/usage")).body["data"]
    (item,) = month["items"]
    assert (month["month"], month["position"], item["charged"]["count"]) == (charge["month"], 1, 1)
    assert month["ladder"]["next_tier"]["from_position"] == 1_001
    assert await tenant.wallet() == ("249994.00", "0.00")


async def test_a_message_that_is_not_paid_for_is_told_with_its_reason(make_tenant: MakeTenant) -> None:
    poor = await make_tenant(top_up=None)
    charge = await charge_of(poor, await poor.send_template(await poor.new_person()), "unfunded")
    assert (charge["reason"], charge["price"], charge["position"]) == ("no_balance", None, None)
