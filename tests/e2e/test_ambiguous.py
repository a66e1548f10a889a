"""A send whose answer was lost is never repeated: a status names it, or it fails as unknown."""

import time

from tests.e2e.conftest import World
from tests.e2e.harness.meta import status_update
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


async def test_a_lost_answer_is_unknown_until_a_status_names_the_message_and_never_a_second_request(
    world: World, tenant: Tenant
) -> None:
    reset, edge, hung = [await tenant.new_person() for _ in range(3)]
    await world.sandbox.scenario(reset, drop="after", status_delay_ms=1_500)
    await world.sandbox.scenario(edge, html_502=True, html_502_accepted=True, status_delay_ms=1_500)
    # Longer than the call may take.
    await world.sandbox.scenario(hung, hang_ms=14_000, statuses=["delivered", "read"], status_delay_ms=12_000)
    ids = {person: await tenant.send_template(person) for person in (reset, edge, hung)}

    for person in (reset, edge, hung):
        await tenant.wait_state(ids[person], "unknown")
    for person in (reset, edge, hung):
        told = await tenant.wait_events(ids[person])
        happened = [event["type"] for event in told["events"]]
        assert happened.index("sending") < happened.index("unknown")
        assert told["error"] is None
        assert len(await world.sandbox.sends_to(person)) == 1
    assert await tenant.wallet() == ("982.00", "0.00")


async def test_without_any_status_it_fails_as_unknown_its_hold_ends_and_late_evidence_still_wins(
    world: World, tenant: Tenant
) -> None:
    dropped, gone, late = [await tenant.new_person() for _ in range(3)]
    await world.sandbox.scenario(dropped, drop="after", statuses=[])
    await world.sandbox.scenario(gone, drop="before")
    await world.sandbox.scenario(late, drop="after", statuses=[])
    ids = {person: await tenant.send_template(person) for person in (dropped, gone, late)}
    for person in (dropped, gone, late):
        await tenant.wait_state(ids[person], "unknown")
    # A report of the same number, after the grace: silence about the others means something now.
    for person in (dropped, gone, late):
        told = await tenant.wait_events(ids[person], frozenset({"failed", "released", "called_back"}))
        assert told["error"]["reason"] == "unknown"
        assert tenant.callbacks.told(ids[person]) == ["failed"]
    assert await tenant.wallet() == ("1000.00", "0.00")

    row = (await world.sandbox.sends(ids[late]))[0]
    evidence = status_update(
        tenant.phone_number_id,
        row["wamid"],
        "delivered",
        person=late,
        at=time.time(),
        biz_opaque_callback_data=ids[late],
        pricing={"billable": True, "pricing_model": "PMP", "category": "utility"},
    )
    assert await world.meta.post(evidence) == 200
    told = await tenant.wait_state(ids[late], "delivered")
    assert told["error"] is None

    async def is_charged() -> bool:
        return await tenant.wallet() == ("994.00", "0.00")

    await eventually(is_charged)
    for person in (dropped, gone, late):
        assert len(await world.sandbox.sends_to(person)) == 1
