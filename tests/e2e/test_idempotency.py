"""One Idempotency-Key is one message, whatever happens between."""

import asyncio
import signal
from uuid import uuid4

import aiohttp

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Answer, Tenant, template_body
from tests.e2e.harness.waiting import eventually


async def test_twenty_parallel_posts_with_one_key_are_one_message_one_charge_and_one_send(
    world: World, tenant: Tenant
) -> None:
    person, key = await tenant.new_person(), str(uuid4())
    body = template_body(person, "Анна")
    answers = await asyncio.gather(*(tenant.post(body, idempotency_key=key) for _ in range(20)))

    accepted = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status != 200]
    assert accepted
    assert all(answer.body == accepted[0].body for answer in accepted)
    assert all(answer.status == 409 and int(answer.headers["Retry-After"]) >= 1 for answer in refused)
    sent = accepted[0].message_id
    await tenant.wait_events(sent)

    again = await tenant.post(body, idempotency_key=key)
    assert again.body == accepted[0].body
    other = await tenant.post(template_body(person, "Иван"), idempotency_key=key)
    assert other.status == 422
    assert "error" in other.body
    rows = await world.sandbox.sends_to(person)
    assert [row["biz_opaque_callback_data"] for row in rows] == [sent]
    assert await tenant.wallet() == ("994.00", "0.00")


async def test_the_same_key_of_two_persons_of_one_tenant_is_refused_but_two_keys_are_two_messages(
    world: World, tenant: Tenant
) -> None:
    first, second = await tenant.new_person(), await tenant.new_person()
    one = await tenant.send_template(first, idempotency_key="order-1")
    assert (await tenant.post(template_body(second, "Анна"), idempotency_key="order-1")).status == 422
    two = await tenant.send_template(second, idempotency_key="order-2")
    assert one != two
    for message_id in (one, two):
        await tenant.wait_events(message_id)
    assert await tenant.wallet() == ("988.00", "0.00")


async def test_a_crash_between_taking_the_key_and_publishing_is_healed_by_the_retry(
    world: World, tenant: Tenant
) -> None:
    person, key = await tenant.new_person(), str(uuid4())
    body = template_body(person, "Анна")
    world.stack.kill("kafka", signal.SIGSTOP)
    try:
        # One of the two takes the key and waits for Kafka; the other is told so.
        posts = {asyncio.create_task(_post(tenant, body, key)) for _ in range(2)}
        (told,), (waiting,) = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        assert told.result() == 409
        world.stack.kill("gateway-api", signal.SIGKILL)
        assert await waiting is None
    finally:
        world.stack.kill("kafka", signal.SIGCONT)
    await asyncio.to_thread(world.stack.wait_ready)

    accepted = await eventually(lambda: _accepted(tenant, body, key))
    await tenant.wait_events(accepted.message_id)
    assert (await tenant.post(body, idempotency_key=key)).body == accepted.body
    rows = await world.sandbox.sends_to(person)
    assert [row["biz_opaque_callback_data"] for row in rows] == [accepted.message_id]
    assert await tenant.wallet() == ("994.00", "0.00")


async def _post(tenant: Tenant, body: object, key: str) -> int | None:
    """The answer's status; None when the process died first."""
    try:
        return (await tenant.post(body, idempotency_key=key)).status
    except aiohttp.ClientError:
        return None


async def _accepted(tenant: Tenant, body: object, key: str) -> Answer | None:
    answer = await tenant.post(body, idempotency_key=key)
    assert answer.status in (200, 409, 503), f"{answer.status}: {answer.body}"
    return answer if answer.status == 200 else None
