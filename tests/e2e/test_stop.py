"""Between acceptance and call much can change: the person takes the consent back, or the window closes."""

import asyncio
import time
from functools import partial

from services.kernel.contracts.conversations import CONVERSATIONS, InboundJudged
from services.kernel.contracts.reservations import RESERVATIONS, MessageFunded
from tests.e2e.conftest import World
from tests.e2e.harness.meta import inbound
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually

DAY_SECONDS = 24 * 3600
WORKERS = ("gateway-worker", "gateway-worker-2")


async def test_a_stop_a_withdrawal_and_a_closing_window_between_acceptance_and_dispatch_stop_the_messages(
    world: World, tenant: Tenant
) -> None:
    withdrawn, stopped, silent, willing = [await tenant.new_person() for _ in range(4)]
    async with held(world.stack, *WORKERS):
        by_api = await tenant.send_template(withdrawn)
        by_word = await tenant.send_template(stopped)
        as_agreed = await tenant.send_template(willing)
        closes_at = await _open_closing_window(world, tenant, silent, seconds=6)
        in_window = await tenant.send_text(silent)
        for message_id in (by_api, by_word, as_agreed, in_window):
            await eventually(partial(_is_funded, world, message_id))
        assert await tenant.wallet() == ("982.00", "18.00")

        await tenant.withdraw(withdrawn)
        assert await world.meta.post(inbound(tenant.phone_number_id, "СТОП", person=stopped)) == 200
        await eventually(lambda: _has_withdrawn(tenant, stopped))
        await eventually(lambda: time.time() > closes_at + 1)

    for message_id in (by_api, by_word):
        told = await tenant.wait_events(message_id, frozenset({"failed", "released", "called_back"}))
        assert (told["error"]["code"], told["error"]["reason"]) == (131050, "withdrawn")
    told = await tenant.wait_events(in_window, frozenset({"failed", "called_back"}))
    assert (told["error"]["code"], told["error"]["reason"]) == (131047, "window_closed")
    await tenant.wait_events(as_agreed)

    for message_id in (by_api, by_word, in_window):
        assert await world.sandbox.sends(message_id) == []
        await eventually(partial(tenant.callbacks.told, message_id))
        assert tenant.callbacks.told(message_id) == ["failed"]
    codes = {
        message_id: tenant.callbacks.statuses(message_id)[0].value["statuses"][0]["errors"][0]["code"]
        for message_id in (by_api, by_word, in_window)
    }
    assert codes == {by_api: 131050, by_word: 131050, in_window: 131047}
    assert await tenant.wallet() == ("994.00", "0.00")


async def test_a_stop_that_consent_has_not_read_yet_already_holds_back_the_call(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    async with held(world.stack, *WORKERS):
        sent = await tenant.send_template(person)
        await eventually(partial(_is_funded, world, sent))
        async with held(world.stack, "consent-worker", "consent-worker-2"):
            await world.sandbox.write(person, "Стоп", tenant.phone_number_id)
            await asyncio.sleep(3)  # consent may be two seconds behind; now it is more
            for name in WORKERS:
                await asyncio.to_thread(world.stack.release, name)
            await tenant.wait_state(sent, "funded")
            await asyncio.sleep(2)
            assert (await tenant.message(sent))["state"] == "funded"
            assert await world.sandbox.sends(sent) == []
    told = await tenant.wait_events(sent, frozenset({"failed", "released", "called_back"}))
    assert (told["error"]["code"], told["error"]["reason"]) == (131050, "withdrawn")
    assert await world.sandbox.sends(sent) == []
    assert await tenant.wallet() == ("1000.00", "0.00")


async def test_after_a_stop_nothing_goes_out_until_the_person_says_start(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    await world.sandbox.write(person, "stop", tenant.phone_number_id)
    await eventually(lambda: _has_withdrawn(tenant, person))
    refused = await tenant.send_template(person)
    told = await tenant.wait_state(refused, "failed")
    assert (told["error"]["code"], told["error"]["reason"]) == (131050, "withdrawn")
    evidence = {"source": "web_form", "text": "Согласен получать сообщения."}
    again = await tenant.call("POST", "/v1/consents", {"phone": person, "purpose": "service", "evidence": evidence})
    assert again.status == 409

    await asyncio.sleep(1.1)  # Meta's times are whole seconds: in the same second the stop would win
    await world.sandbox.write(person, "start", tenant.phone_number_id)
    await eventually(lambda: _has_consented(tenant, person))
    allowed = await tenant.send_template(person)
    await tenant.wait_events(allowed)
    await eventually(partial(_are_sent, world, person, 3))  # with our own answers to both words
    ids = {send["biz_opaque_callback_data"] for send in await world.sandbox.sends_to(person)}
    assert allowed in ids
    assert refused not in ids


async def _are_sent(world: World, person: str, count: int) -> bool:
    return len(await world.sandbox.sends_to(person)) == count


async def _open_closing_window(world: World, tenant: Tenant, person: str, *, seconds: int) -> float:
    """The person wrote almost a day ago; the moment at which that window closes."""
    wrote_at = int(time.time()) - DAY_SECONDS + seconds
    assert await world.meta.post(inbound(tenant.phone_number_id, "Вчера", person=person, at=wrote_at)) == 200

    async def is_open() -> bool:
        judged = [event for event in await world.facts.read(CONVERSATIONS) if isinstance(event, InboundJudged)]
        return any(event.phone_number_id == tenant.phone_number_id for event in judged)

    await eventually(is_open)
    return wrote_at + DAY_SECONDS


async def _is_funded(world: World, message_id: str) -> bool:
    facts = await world.facts.of_message(RESERVATIONS, message_id)
    return any(isinstance(fact, MessageFunded) for fact in facts)


async def _has_withdrawn(tenant: Tenant, person: str) -> bool:
    return bool((await tenant.consents(person))["service"]["state"] == "withdrawn")


async def _has_consented(tenant: Tenant, person: str) -> bool:
    return bool((await tenant.consents(person))["service"]["state"] == "given")
