"""A send whose answer was lost is never repeated: a status names it, or it fails as unknown."""

import time
from dataclasses import dataclass

import pytest

from tests.e2e.conftest import World
from tests.e2e.harness.meta import status_update
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


@dataclass
class Lost:
    """A tenant and the messages whose answers were lost, by person."""

    tenant: Tenant
    ids: dict[str, str]


@pytest.fixture(scope="module")
async def named(world: World) -> Lost:
    """Meta took them and will report: after a reset, after an HTML page, after more time than a call may take."""
    return await _lose(
        world,
        [
            {"drop": "after", "status_delay_ms": 1_500},
            {"html_502": True, "html_502_accepted": True, "status_delay_ms": 1_500},
            {"hang_ms": 15_000, "statuses": ["read"], "status_delay_ms": 12_500},
        ],
    )


@pytest.fixture(scope="module")
async def silent(world: World) -> Lost:
    """Nothing is ever reported: two that Meta took, one that it did not."""
    return await _lose(
        world, [{"drop": "after", "statuses": []}, {"drop": "after", "statuses": []}, {"drop": "before"}]
    )


@pytest.mark.usefixtures("silent")  # its silence lasts while this test waits
async def test_a_lost_answer_is_unknown_until_a_status_names_the_message_and_never_a_second_request(
    world: World, named: Lost
) -> None:
    tenant = named.tenant
    for message_id in named.ids.values():
        await tenant.wait_state(message_id, "unknown", "sent", "delivered", "read")
    for person, message_id in named.ids.items():
        told = await tenant.wait_events(message_id)
        happened = [event["type"] for event in told["events"]]
        assert happened.index("sending") < happened.index("unknown")
        assert (told["state"], told["error"]) == ("read", None)
        assert len(await world.sandbox.sends_to(person)) == 1
        assert "failed" not in tenant.callbacks.told(message_id)
    assert await tenant.wallet() == ("982.00", "0.00")


async def test_without_any_status_it_fails_as_unknown_its_hold_ends_and_late_evidence_still_wins(
    world: World, silent: Lost
) -> None:
    tenant = silent.tenant
    for message_id in silent.ids.values():
        told = await tenant.wait_events(message_id, frozenset({"unknown", "failed", "released", "called_back"}))
        assert told["error"]["reason"] == "unknown"
        assert tenant.callbacks.told(message_id) == ["failed"]
    assert await tenant.wallet() == ("1000.00", "0.00")

    person, late = next(iter(silent.ids.items()))
    (row,) = await world.sandbox.sends(late)
    evidence = status_update(
        tenant.phone_number_id,
        row["wamid"],
        "delivered",
        person=person,
        at=time.time(),
        biz_opaque_callback_data=late,
        pricing={"billable": True, "pricing_model": "PMP", "category": "utility"},
    )
    assert await world.meta.post(evidence) == 200
    told = await tenant.wait_state(late, "delivered")
    assert told["error"] is None
    await eventually(lambda: _is_charged_once(tenant))
    for one in silent.ids:
        assert len(await world.sandbox.sends_to(one)) == 1


async def _lose(world: World, scenarios: list[dict[str, object]]) -> Lost:
    tenant = await world.staff.open_tenant()
    ids: dict[str, str] = {}
    for scenario in scenarios:
        person = await tenant.new_person()
        await world.sandbox.scenario(person, **scenario)
        ids[person] = await tenant.send_template(person)
    return Lost(tenant, ids)


async def _is_charged_once(tenant: Tenant) -> bool:
    return await tenant.wallet() == ("994.00", "0.00")
