"""What may not go out does not, says why in Meta's code and ours, and costs nothing."""

from functools import partial

from tests.e2e.conftest import MakeTenant, World
from tests.e2e.harness.tenants import CODE, MARKETING, Tenant, new_person
from tests.e2e.harness.waiting import eventually

REFUSED = frozenset({"failed", "called_back"})


async def test_without_consent_window_permission_or_money_nothing_goes_out(
    world: World, tenant: Tenant, make_tenant: MakeTenant
) -> None:
    poor = await make_tenant(top_up=None)
    fond_of_news = await tenant.new_person("service", "marketing")
    cases = [
        (tenant, await tenant.send_template(new_person()), 131050, "no_consent"),
        (tenant, await tenant.send_template(await tenant.new_person(), name=CODE), 131050, "no_consent"),
        (tenant, await tenant.send_text(await tenant.new_person()), 131047, "window_closed"),
        (tenant, await tenant.send_template(fond_of_news, name=MARKETING), 130497, "policy"),
        (poor, await poor.send_template(await poor.new_person()), 131042, "no_balance"),
    ]
    for owner, message_id, code, reason in cases:
        told = await owner.wait_events(message_id, REFUSED)
        assert told["state"] == "failed"
        assert (told["error"]["code"], told["error"]["reason"]) == (code, reason)
        assert told["error"]["text"]
        await eventually(partial(owner.callbacks.told, message_id))
        (callback,) = owner.callbacks.statuses(message_id)
        assert callback.value["statuses"][0]["errors"][0]["code"] == code
        assert await world.sandbox.sends(message_id) == []
    policy = await tenant.message(cases[3][1])
    assert policy["trace"][-1]["rule"] == "policy"
    assert policy["trace"][-1]["outcome"] == "refuse"
    assert policy["trace"][-1]["facts"]["policy_rule_id"]
    assert await tenant.wallet() == ("1000.00", "0.00")
    assert await poor.wallet() == ("0.00", "0.00")


async def test_metas_refusals_are_final_or_tried_again_as_their_code_says(world: World, tenant: Tenant) -> None:
    final, throttled, paired, undelivered = [await tenant.new_person() for _ in range(4)]
    await world.sandbox.scenario(final, refuse_code=131026)
    await world.sandbox.scenario(throttled, refuse_code=130429, times=1)
    await world.sandbox.scenario(paired, refuse_code=131056, times=2)
    await world.sandbox.scenario(undelivered, fail_code=131026)
    ids = {one: await tenant.send_template(one) for one in (final, throttled, paired, undelivered)}

    for person in (final, undelivered):
        told = await tenant.wait_events(ids[person], frozenset({"failed", "released", "called_back"}))
        assert (told["state"], told["error"]["code"], told["error"]["reason"]) == ("failed", 131026, "meta_refused")
        await eventually(partial(tenant.callbacks.told, ids[person]))
        assert tenant.callbacks.told(ids[person]) == ["failed"]
    for person in (throttled, paired):
        await tenant.wait_events(ids[person])
    assert await _outcomes(world, final) == [("refused", 131026)]
    assert await _outcomes(world, throttled) == [("refused", 130429), ("accepted", None)]
    assert await _outcomes(world, paired) == [("refused", 131056), ("refused", 131056), ("accepted", None)]
    assert await _outcomes(world, undelivered) == [("accepted", None)]
    assert await tenant.wallet() == ("988.00", "0.00")


async def _outcomes(world: World, person: str) -> list[tuple[str, int | None]]:
    return [(row["outcome"], row["code"]) for row in await world.sandbox.sends_to(person)]
