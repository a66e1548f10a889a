"""While a neighbour is away nothing is lost and nothing is sent twice or unasked."""

import asyncio
from typing import Any

from tests.e2e.conftest import World
from tests.e2e.harness.meta import inbound
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import Tenant, template_body, text_body
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


async def test_while_kafka_is_down_both_doors_ask_to_come_again_and_then_take_it_once(
    world: World, tenant: Tenant
) -> None:
    person, other = await tenant.new_person(), await tenant.new_person()
    # Both doors know the tenant: for a number unknown to the webhook it takes the quarantine, which needs no Kafka.
    await tenant.wait_events(await tenant.send_template(other))
    body = template_body(person, "Анна")
    question = inbound(tenant.phone_number_id, "Вы тут?", person=person)
    async with held(world.stack, "kafka"):
        refused, status = await asyncio.gather(tenant.post(body, idempotency_key="order-58"), world.meta.post(question))
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert status == 503
    taken = await eventually(lambda: _taken(tenant, body), "the send door is open again")
    await eventually(lambda: _is_taken(world, question), "the webhook's is, too")
    await tenant.wait_events(taken)
    assert len(await world.sandbox.sends_to(person)) == 1
    await eventually(lambda: tenant.callbacks.messages("Вы тут?"), "the tenant hears of the person's message")


async def test_while_postgresql_is_down_what_needs_no_key_is_accepted_and_waits(world: World, tenant: Tenant) -> None:
    person, other = await tenant.new_person(), await tenant.new_person()
    await tenant.wait_events(await tenant.send_template(person))  # the door knows the tenant
    async with held(world.stack, "postgres"):
        sent = await tenant.send_template(person)
        refused = await tenant.post(template_body(other, "Анна"), idempotency_key="order-59")
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert await world.meta.post(inbound(tenant.phone_number_id, "Вы тут?", person=person)) == 200
    await tenant.wait_events(sent)
    assert len(await world.sandbox.sends(sent)) == 1
    assert await world.sandbox.sends_to(other) == []
    await eventually(lambda: tenant.callbacks.messages("Вы тут?"), "the tenant hears of the person's message")


async def _taken(tenant: Tenant, body: dict[str, Any]) -> str | None:
    answer = await tenant.post(body, idempotency_key="order-58")
    assert answer.status in (200, 503)
    return answer.message_id if answer.status == 200 else None


async def _is_taken(world: World, body: dict[str, Any]) -> bool:
    return await world.meta.post(body) == 200
