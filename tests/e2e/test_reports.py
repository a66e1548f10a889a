"""Meta's reports come early, late, without our id, or about somebody else's message."""

import time

from tests.e2e.conftest import MakeTenant, World
from tests.e2e.harness.meta import status_update
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


async def test_statuses_before_our_record_of_the_send_are_kept_and_matched_by_our_id(
    world: World, tenant: Tenant
) -> None:
    person = await tenant.new_person()
    await world.sandbox.scenario(person, hang_ms=1_500, status_delay_ms=0)
    sent = await tenant.send_template(person)
    await eventually(lambda: "read" in tenant.callbacks.told(sent))
    told = await tenant.wait_events(sent)
    assert told["state"] == "read"
    assert sorted(tenant.callbacks.told(sent)) == ["delivered", "read", "sent"]
    # The next message to this person goes out only after the result of this one is written.
    await world.sandbox.forget(person)
    await tenant.wait_events(await tenant.send_template(person))
    assert (await tenant.message(sent))["state"] == "read"
    assert len(await world.sandbox.sends(sent)) == 1
    assert await tenant.wallet() == ("988.00", "0.00")


async def test_statuses_without_our_id_are_matched_by_metas_also_when_they_come_before_our_record(
    world: World, tenant: Tenant
) -> None:
    person = await tenant.new_person()
    await world.sandbox.scenario(person, hang_ms=2_000, statuses=[])
    early = await tenant.send_template(person)
    row = (await eventually(lambda: world.sandbox.sends(early)))[0]
    assert await world.meta.post(_nameless(tenant, row["wamid"], "delivered", person)) == 200
    told = await tenant.wait_events(early, frozenset({"delivered", "captured", "called_back"}))
    assert told["state"] == "delivered"

    await world.sandbox.scenario(person, statuses=[])
    late = await tenant.send_template(person)
    await tenant.wait_state(late, "sent")
    wamid = (await world.sandbox.sends(late))[0]["wamid"]
    assert await world.meta.post(_nameless(tenant, wamid, "read", person)) == 200
    assert (await tenant.wait_events(late))["state"] == "read"

    assert await tenant.wallet() == ("988.00", "0.00")
    assert tenant.callbacks.told(early) == ["delivered"]
    assert tenant.callbacks.told(late) == ["read"]


async def test_a_late_sent_after_read_never_moves_the_message_back(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    await world.sandbox.scenario(person, statuses=["read", "delivered", "sent"], status_delay_ms=200)
    sent = await tenant.send_template(person)
    await tenant.wait_events(sent)
    await eventually(lambda: tenant.callbacks.told(sent) == ["read", "delivered", "sent"])
    told = await tenant.message(sent)
    assert told["state"] == "read"
    assert {"sent", "delivered", "read"} <= {event["type"] for event in told["events"]}
    assert await tenant.wallet() == ("994.00", "0.00")


async def test_a_report_on_another_tenants_number_moves_nothing(
    world: World, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    stranger, person = await make_tenant(), await tenant.new_person()
    await world.sandbox.scenario(person, statuses=[])
    sent = await tenant.send_template(person)
    await tenant.wait_state(sent, "sent")
    wamid = (await world.sandbox.sends(sent))[0]["wamid"]
    foreign = status_update(
        stranger.phone_number_id,
        wamid,
        "failed",
        person=person,
        biz_opaque_callback_data=sent,
        errors=[{"code": 131026}],
    )
    assert await world.meta.post(foreign) == 200
    assert await world.meta.post(_nameless(stranger, wamid, "failed", person)) == 200
    # The tenant's own report comes last and shows that the others have been read.
    assert await world.meta.post(_nameless(tenant, wamid, "delivered", person)) == 200
    told = await tenant.wait_events(sent, frozenset({"delivered", "captured", "called_back"}))
    assert told["state"] == "delivered"
    assert tenant.callbacks.told(sent) == ["delivered"]
    assert (await stranger.call("GET", f"/v1/messages/{sent}")).status == 404
    assert await tenant.wallet() == ("994.00", "0.00")


def _nameless(tenant: Tenant, wamid: str, status: str, person: str) -> dict[str, object]:
    """A report as Meta sends it for messages that were sent without biz_opaque_callback_data."""
    return status_update(tenant.phone_number_id, wamid, status, person=person, at=time.time())
