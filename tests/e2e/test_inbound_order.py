"""A tenant hears of an inbound message only when its window exists: a fast bot may answer at once."""

import asyncio
from typing import Any

from services.kernel.contracts.inbound import INBOUND
from tests.e2e.conftest import World
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import Answer, Tenant, new_person, text_body
from tests.e2e.harness.waiting import eventually, stays


async def test_an_inbound_is_never_told_before_its_window_exists_and_an_instant_reply_is_accepted_and_sent(
    world: World, tenant: Tenant
) -> None:
    people = [new_person() for _ in range(8)]
    replies: list[Answer] = []

    async def bot(value: dict[str, Any]) -> None:
        if written := value.get("messages"):
            replies.append(await tenant.post(text_body(f"+{written[0]['from']}", "Слушаем вас!")))

    tenant.callbacks.react = bot
    async with held(world.stack, "consent-worker", "consent-worker-2"):
        await asyncio.gather(*(world.sandbox.write(one, "Алло", tenant.phone_number_id) for one in people))
        await eventually(lambda: world.facts.is_read("gateway.inbound", INBOUND))
        await stays(lambda: tenant.callbacks.messages() == [], "told before its window exists", seconds=1.5)

    await eventually(lambda: len(replies) == len(people))
    assert len(tenant.callbacks.messages("Алло")) == len(people)
    for reply in replies:
        told = await tenant.wait_events(reply.message_id)
        assert told["price"]["amount"] == "0.00"
    for person in people:
        assert len(await world.sandbox.sends_to(person)) == 1
    assert await tenant.wallet() == ("1000.00", "0.00")
