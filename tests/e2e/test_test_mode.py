"""Test mode: a key of mode test does everything on the tenant's twin, at the sandbox, for nothing."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.conftest import World
from tests.e2e.harness.receiver import Receiver
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually


@pytest.fixture
async def twin(world: World, tenant: Tenant) -> AsyncIterator[Tenant]:
    """The twin of `tenant` as its own software sees it, with an endpoint of its own."""
    made = (await tenant.call("POST", "/v1/api-keys", {"name": "Trying out", "mode": "test"})).body
    receiver = Receiver(made["callback_secret"])
    twin = Tenant(
        http=tenant.http,
        gateway=tenant.gateway,
        id="unknown to the tenant",
        api_key=made["key"],
        callback_secret=made["callback_secret"],
        phone_number_id=made["test_number"]["phone_number_id"],
        waba_id=made["test_number"]["waba_id"],
        callbacks=receiver,
    )
    answer = await twin.call("PUT", "/v1/callback", {"url": await receiver.start()})
    assert answer.status == 200, answer.body
    for path in ("/v1/consents?phone=%2B79990000000", "/v1/billing/balance"):

        async def is_known(path: str = path) -> bool:
            return (await twin.call("GET", path)).status == 200

        await eventually(is_known, f"GET {path} of the twin")
    yield twin
    await receiver.stop()


async def test_a_test_key_sends_and_hears_back_for_nothing_and_the_live_side_notices_nothing(
    world: World, tenant: Tenant, twin: Tenant
) -> None:
    person = await twin.new_person()
    sent = await twin.send_template(person, "Анна")
    told = await twin.wait_state(sent, "delivered", "read")
    assert told["price"] == {"amount": "0.00", "currency": "RUB"}
    assert await twin.wallet() == ("0.00", "0.00")
    assert await tenant.wallet() == ("1000.00", "0.00")
    await eventually(lambda: {"sent", "delivered"} <= set(twin.callbacks.told(sent)))
    rows = await world.sandbox.sends(sent)
    assert [row["outcome"] for row in rows] == ["accepted"]

    await world.sandbox.write(person, "Это проверка?", twin.phone_number_id)
    heard = await eventually(lambda: twin.callbacks.messages("Это проверка?"))
    assert heard[0].value["metadata"]["phone_number_id"] == twin.phone_number_id
    reply = await twin.send_text(person, "Да, проверка.")
    await twin.wait_state(reply, "delivered", "read")

    assert tenant.callbacks.values == []
    assert twin.callbacks.forged == 0
    assert (await tenant.call("GET", f"/v1/messages/{sent}")).status == 404
    assert await tenant.consents(person) == {} or "given" not in str(await tenant.consents(person))


async def test_without_consent_a_test_message_is_refused_as_a_live_one_would_be(twin: Tenant) -> None:
    sent = await twin.send_template("+79990001122", "Анна")
    told = await twin.wait_state(sent, "failed")
    assert told["error"] is not None
