"""What Meta pauses parks alone, and whoever waits there in vain is told and gets the money back."""

from functools import partial

from tests.e2e.conftest import MakeTenant, World
from tests.e2e.harness.tenants import CODE, Tenant, template_body
from tests.e2e.harness.waiting import eventually

APP_LIMIT = 80007  # Meta takes nothing from the number for the next five minutes
EXPIRES_IN_SECONDS = 60  # the shortest life that a tenant may give
ENDED = frozenset({"expired", "released", "called_back"})
PARKS = 'gateway_dispatch_parks_total{what="number"}'


async def test_expiry_while_parked_releases_the_hold_and_is_told(
    world: World, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    other = await make_tenant()
    refused, *late = [await tenant.new_person("service", "authentication") for _ in range(3)]
    await world.sandbox.scenario(refused, refuse_code=APP_LIMIT)
    parks = await _parks(world)
    ids = [await _send(tenant, refused)]
    await eventually(partial(_is_parked, world, parks), "the number is parked")

    ids += [await _send(tenant, late[0]), await _send(tenant, late[1], name=CODE)]
    for message_id in ids[1:]:
        await tenant.wait_state(message_id, "funded")
    wallet, held = await tenant.wallet()
    assert float(held) > 0
    assert float(wallet) + float(held) == 1000
    await other.wait_events(await other.send_template(await other.new_person()))

    for message_id in ids:
        told = await tenant.wait_events(message_id, ENDED, seconds=2 * EXPIRES_IN_SECONDS)
        assert (told["state"], told["error"]["reason"]) == ("expired", "expired")
        await eventually(partial(tenant.callbacks.told, message_id))
        assert tenant.callbacks.told(message_id) == ["failed"]
    assert await tenant.wallet() == ("1000.00", "0.00")
    assert len(await world.sandbox.sends_to(refused)) == 1
    assert [await world.sandbox.sends_to(person) for person in late] == [[], []]


async def _send(tenant: Tenant, person: str, **how: str) -> str:
    headers = {"X-Vestnik-Expires-In": str(EXPIRES_IN_SECONDS)}
    return (await tenant.post(template_body(person, "1234", **how), **headers)).message_id


async def _is_parked(world: World, before: float) -> bool:
    return await _parks(world) > before


async def _parks(world: World) -> float:
    """How often an answer of Meta parked a number, in all workers."""
    found = 0.0
    for name in (name for name in world.stack.names if name.startswith("gateway-worker")):
        async with world.http.get(f"http://127.0.0.1:{world.stack.facts.ports[name]}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        found += sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(PARKS))
    return found
