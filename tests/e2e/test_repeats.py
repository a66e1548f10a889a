"""Meta repeats itself: every fact has its effect once."""

import json

from tests.e2e.conftest import World
from tests.e2e.harness.meta import inbound, status_update
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


async def test_the_same_signed_webhook_twice_is_one_row_one_charge_and_one_callback_id(
    world: World, tenant: Tenant
) -> None:
    person = await tenant.new_person()
    await world.sandbox.scenario(person, statuses=[])
    sent = await tenant.send_template(person)
    await tenant.wait_state(sent, "sent")
    wamid = (await world.sandbox.sends(sent))[0]["wamid"]

    def report(status: str) -> bytes:
        update = status_update(
            tenant.phone_number_id, wamid, status, person=person, at=1_795_360_020, biz_opaque_callback_data=sent
        )
        return json.dumps(update).encode()

    delivered = report("delivered")
    assert await world.meta.post(delivered) == 200
    assert await world.meta.post(delivered) == 200
    await tenant.wait_events(sent, frozenset({"delivered", "captured", "called_back"}))
    assert await world.meta.post(delivered) == 200
    assert await world.meta.post(report("read")) == 200

    await eventually(lambda: "read" in tenant.callbacks.told(sent))
    assert sorted(tenant.callbacks.told(sent)) == ["delivered", "read"]
    assert len(set(tenant.callbacks.event_ids())) == 2
    assert await tenant.wallet() == ("994.00", "0.00")
    happened = [event["type"] for event in (await tenant.message(sent))["events"]]
    assert len(happened) == len(set(happened))


async def test_the_same_inbound_twice_is_told_once_and_moves_its_window_once(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    written = json.dumps(inbound(tenant.phone_number_id, "Добрый день", person=person)).encode()
    for _ in range(3):
        assert await world.meta.post(written) == 200
    await eventually(lambda: tenant.callbacks.messages("Добрый день"))
    assert await world.meta.post(written) == 200
    assert await world.meta.post(inbound(tenant.phone_number_id, "Вы тут?", person=person)) == 200
    await eventually(lambda: tenant.callbacks.messages("Вы тут?"))
    assert len(tenant.callbacks.messages("Добрый день")) == 1


async def test_a_meta_that_repeats_every_status_charges_and_tells_once(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    await world.sandbox.scenario(person, duplicate=3)
    sent = await tenant.send_template(person)
    await tenant.wait_events(sent)
    await eventually(lambda: len(tenant.callbacks.told(sent)) == 3)
    follower = await tenant.send_template(person)
    await tenant.wait_events(follower)
    assert sorted(tenant.callbacks.told(sent)) == ["delivered", "read", "sent"]
    assert await tenant.wallet() == ("988.00", "0.00")


async def test_a_callback_that_was_not_taken_comes_again_with_the_same_ids(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    await world.sandbox.scenario(person, statuses=["delivered"])
    tenant.callbacks.answer = 500
    sent = await tenant.send_template(person)
    await eventually(lambda: tenant.callbacks.refused >= 1)
    assert tenant.callbacks.values == []
    refused = list(tenant.callbacks.refused_bodies)
    tenant.callbacks.answer = 200
    await eventually(lambda: tenant.callbacks.told(sent) == ["delivered"])
    assert tenant.callbacks.bodies[0] == refused[0]
