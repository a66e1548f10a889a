"""Two workers and one person: never two calls at once, in the order of acceptance."""

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant


async def test_two_workers_never_call_one_person_twice_at_once_and_keep_the_order_of_acceptance(
    world: World, tenant: Tenant
) -> None:
    people = [await tenant.new_person() for _ in range(3)]
    for person in people:
        await world.sandbox.scenario(person, latency_ms=120)
    ids = {person: [await tenant.send_template(person, f"Анна {n}") for n in range(10)] for person in people}
    for person in people:
        for message_id in ids[person]:
            await tenant.wait_events(message_id)

        assert (await world.sandbox.person(person))["max_concurrent"] == 1
        rows = await world.sandbox.sends_to(person)
        assert [row["biz_opaque_callback_data"] for row in rows] == ids[person]
    assert await tenant.wallet() == ("820.00", "0.00")
