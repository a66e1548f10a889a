"""A message that ended before it was paid for leaves no money behind."""

import time
from datetime import UTC, datetime
from uuid import UUID

from services.kernel.contracts import event_id
from services.kernel.contracts.outcomes import OUTCOMES, MessageFailed
from services.kernel.contracts.statuses import STATUSES
from tests.e2e.conftest import World
from tests.e2e.harness.meta import status_update
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


async def test_a_terminal_fact_before_the_reservation_leaves_no_hold(world: World, tenant: Tenant) -> None:
    person, other = await tenant.new_person(), await tenant.new_person()
    async with held(world.stack, "consent-worker", "consent-worker-2"):
        reported = await tenant.send_template(person)
        told = await tenant.send_template(other)
        await tenant.wait_state(told, "accepted")
        failed = status_update(
            tenant.phone_number_id,
            f"wamid.{reported}",
            "failed",
            person=person,
            at=time.time(),
            biz_opaque_callback_data=reported,
            errors=[{"code": 131026, "title": "Message undeliverable"}],
        )
        assert await world.meta.post(failed) == 200
        await world.facts.publish(_failed(tenant, told))
        await eventually(lambda: world.facts.is_read("billing.statuses", STATUSES))
        await eventually(lambda: world.facts.is_read("billing.outcomes", OUTCOMES))

    by_meta = await tenant.wait_state(reported, "failed")
    by_billing = await tenant.wait_state(told, "failed")
    assert by_meta["error"]["reason"] == "meta_refused"
    assert by_billing["error"]["reason"] == "already_closed"
    # A message that comes after them shows that both clearances have been priced.
    last = await tenant.send_template(await tenant.new_person())
    await tenant.wait_events(last)
    assert await tenant.wallet() == ("994.00", "0.00")
    assert await world.sandbox.sends(reported) == []
    assert await world.sandbox.sends(told) == []


def _failed(tenant: Tenant, message_id: str) -> MessageFailed:
    id_ = UUID(message_id)
    return MessageFailed(
        id=event_id(id_, "failed"),
        occurred_at=datetime.now(UTC),
        tenant_id=UUID(tenant.id),
        message_id=id_,
        person="",
        code=131000,
        reason="unknown",
    )
