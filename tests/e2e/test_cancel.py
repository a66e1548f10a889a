"""A cancelled message is not sent, costs nothing, and the tenant is told; what is under way goes its way."""

from tests.e2e.conftest import World
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import Answer, Tenant
from tests.e2e.harness.waiting import eventually


async def cancel(tenant: Tenant, message_id: str) -> Answer:
    return await tenant.call("POST", f"/v1/messages/{message_id}:cancel")


async def test_a_message_that_waits_for_consent_or_for_its_money_can_be_cancelled(world: World, tenant: Tenant) -> None:
    async with held(world.stack, "consent-worker", "consent-worker-2"):
        unheard = await tenant.send_template(await tenant.new_person(), idempotency_key="order-1")
        assert (await cancel(tenant, unheard)).status == 200, "at once: the route waits for it to be stored"
    async with held(world.stack, "billing-worker", "billing-worker-2"):
        unpaid = await tenant.send_template(await tenant.new_person())
        await tenant.wait_state(unpaid, "cleared")
        answer = await cancel(tenant, unpaid)
        assert (answer.status, answer.body["state"], answer.body["error"]["reason"]) == (200, "failed", "cancelled")

    # A message that comes after them shows that both clearances have been priced.
    last = await tenant.send_template(await tenant.new_person())
    await tenant.wait_events(last)
    await eventually(lambda: _is_told(tenant, unheard, unpaid))
    assert await tenant.wallet() == ("994.00", "0.00")
    for message_id in (unheard, unpaid):
        assert (await tenant.message(message_id))["error"]["code"] == 135000
        assert await world.sandbox.sends(message_id) == []
        assert (await cancel(tenant, message_id)).status == 200
    assert (await cancel(tenant, last)).status == 409


async def _is_told(tenant: Tenant, *message_ids: str) -> bool:
    return all(tenant.callbacks.told(message_id) == ["failed"] for message_id in message_ids)


async def test_what_was_listed_can_be_cancelled_before_its_hold_is_known_and_the_hold_ends(
    world: World, tenant: Tenant
) -> None:
    person = await tenant.new_person()
    async with held(world.stack, "gateway-worker", "gateway-worker-2"):
        message_id = await tenant.send_template(person)
        await eventually(lambda: _is_held(tenant))
    answer = await eventually(lambda: _answered(tenant, message_id))
    final = await tenant.wait_state(message_id, "failed", "sent", "delivered", "read")
    if answer.status == 200:  # else the dispatcher was faster: both are right, and money is never lost
        assert (final["state"], await world.sandbox.sends(message_id)) == ("failed", [])
        await eventually(lambda: _wallet_is(tenant, "1000.00", "0.00"))
    else:
        assert answer.status == 409
        await tenant.wait_events(message_id)
        assert await tenant.wallet() == ("994.00", "0.00")


async def _answered(tenant: Tenant, message_id: str) -> Answer | None:
    answer = await cancel(tenant, message_id)
    return None if answer.status == 404 else answer


async def _is_held(tenant: Tenant) -> bool:
    return (await tenant.wallet())[1] != "0.00"


async def _wallet_is(tenant: Tenant, *expected: str) -> bool:
    return await tenant.wallet() == expected
