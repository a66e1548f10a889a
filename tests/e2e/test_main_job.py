"""The main job: a template goes out and comes back as callbacks, the person answers, a free reply follows."""

from datetime import datetime
from itertools import pairwise

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


async def test_a_template_goes_out_the_person_answers_and_a_free_reply_follows(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()

    sent = await tenant.send_template(person, "Анна")
    template = await tenant.wait_events(sent)

    happened = [event["type"] for event in template["events"]]
    assert happened[:4] == ["accepted", "cleared", "funded", "sending"]
    assert {"sent", "delivered", "read", "captured", "called_back"} <= set(happened)
    assert template["state"] == "read"
    assert template["error"] is None
    assert template["price"] == {"amount": "6.00", "currency": "RUB"}
    assert {step["rule"]: step["outcome"] for step in template["trace"]} == {"policy": "allow", "consent": "allow"}
    assert await tenant.wallet() == ("994.00", "0.00")
    assert [row["outcome"] for row in await world.sandbox.sends(sent)] == ["accepted"]
    await eventually(lambda: sorted(tenant.callbacks.told(sent)) == ["delivered", "read", "sent"])
    assert all(one.value["metadata"]["phone_number_id"] == tenant.phone_number_id for one in tenant.callbacks.values)

    await world.sandbox.write(person, "До которого часа вы открыты?", tenant.phone_number_id)
    answer = await eventually(lambda: tenant.callbacks.messages("До которого часа вы открыты?"))
    closes = datetime.fromisoformat(answer[0].value["window_expires_at"])
    assert closes.timestamp() - int(answer[0].value["messages"][0]["timestamp"]) == 24 * 3600
    assert answer[0].value["messages"][0]["from"] == person.removeprefix("+")

    reply = await tenant.send_text(person, "До восьми вечера. Ждём вас!")
    told = await tenant.wait_events(reply)
    assert told["price"] == {"amount": "0.00", "currency": "RUB"}
    assert await tenant.wallet() == ("994.00", "0.00")
    texts = [one["text"] for one in (await world.sandbox.person(person))["inbox"]]
    assert texts == ["order_ready | Анна", "До восьми вечера. Ждём вас!"]

    assert len(tenant.callbacks.event_ids()) == len(set(tenant.callbacks.event_ids()))
    assert tenant.callbacks.forged == 0


async def test_messages_of_one_conversation_keep_their_order_and_each_ladder_step_is_charged_once(
    world: World, tenant: Tenant
) -> None:
    person = await tenant.new_person()
    ids = [await tenant.send_template(person, f"Анна {number}") for number in range(3)]
    for message_id in ids:
        await tenant.wait_events(message_id)
    rows = await world.sandbox.sends_to(person)
    assert [row["biz_opaque_callback_data"] for row in rows] == ids
    assert all(earlier["n"] < later["n"] for earlier, later in pairwise(rows))
    assert await tenant.wallet() == ("982.00", "0.00")
