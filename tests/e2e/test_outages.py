"""While a neighbour is away nothing is lost and nothing is sent twice or unasked."""

from tests.e2e.conftest import World
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import Tenant, text_body
from tests.e2e.harness.waiting import eventually, stays


async def test_while_meta_cannot_be_reached_a_message_waits_and_is_then_sent_once(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    async with held(world.stack, "sandbox-api"):
        sent = await tenant.send_template(person)
        await tenant.wait_events(sent, frozenset({"sending"}))
    await tenant.wait_events(sent)
    assert len(await world.sandbox.sends(sent)) == 1
    assert "unknown" not in [event["type"] for event in (await tenant.message(sent))["events"]]
    assert await tenant.wallet() == ("994.00", "0.00")


async def test_while_consent_cannot_be_asked_nothing_is_sent(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    async with held(world.stack, "consent-api"):
        sent = await tenant.send_template(person)
        await tenant.wait_state(sent, "funded")
        await stays(lambda: tenant.callbacks.values == [], "sent without a question", seconds=2)
        assert await world.sandbox.sends(sent) == []
        assert (await tenant.message(sent))["state"] == "funded"
        assert (await tenant.call("GET", f"/v1/consents?phone=%2B{person[1:]}")).status == 503
    await tenant.wait_events(sent)
    assert len(await world.sandbox.sends(sent)) == 1


async def test_while_billing_is_away_messages_wait_for_their_price(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    async with held(world.stack, "billing-worker", "billing-worker-2", "billing-api"):
        sent = await tenant.send_template(person)
        await tenant.wait_state(sent, "cleared")
        refused = await tenant.call("GET", "/v1/billing/balance")
        assert refused.status == 503
        assert await world.sandbox.sends(sent) == []
    await tenant.wait_events(sent)
    assert len(await world.sandbox.sends(sent)) == 1
    assert await tenant.wallet() == ("994.00", "0.00")


async def test_while_the_webhook_is_away_meta_tries_again_and_nothing_is_missed(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    async with held(world.stack, "webhook-api"):
        sent = await tenant.send_template(person)
        await tenant.wait_state(sent, "sent")
        await world.sandbox.write(person, "Вы тут?", tenant.phone_number_id)
    await tenant.wait_events(sent)
    await eventually(lambda: tenant.callbacks.messages("Вы тут?"), "the tenant hears of the person's message")
    reply = await tenant.post(text_body(person, "Тут!"))
    assert (await tenant.wait_events(reply.message_id))["price"]["amount"] == "0.00"
    assert len(tenant.callbacks.messages("Вы тут?")) == 1
