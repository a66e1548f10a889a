"""STOP is answered once by ourselves; then nothing reaches the person until it writes again."""

import asyncio
import json
from functools import partial
from typing import Any

from tests.e2e.conftest import World
from tests.e2e.harness.tenants import Tenant
from tests.e2e.harness.waiting import eventually

META_SECONDS = 1.1  # Meta's times are whole seconds: in the same second the stop would win
OWN_TEXT = "Больше не пишем. Вернуться: СТАРТ"


async def test_a_stop_is_confirmed_once_and_then_there_is_silence(world: World, tenant: Tenant) -> None:
    words = {"stop": ["Довольно"], "confirmations": {"stopped": OWN_TEXT}}
    assert (await tenant.call("PUT", "/v1/keywords", words)).status == 200
    person = await tenant.new_person()
    await world.sandbox.write(person, "Стоп!", tenant.phone_number_id)
    [confirmation] = await eventually(partial(_sends, world, person, 1))
    told = await tenant.wait_events(confirmation["biz_opaque_callback_data"], frozenset({"read", "captured"}))
    assert told["price"] == {"amount": "0.00", "currency": "RUB"}
    assert "единственный ответ" in json.dumps(told["trace"], ensure_ascii=False)

    await world.sandbox.write(person, "ДОВОЛЬНО", tenant.phone_number_id)
    for message_id in (await tenant.send_text(person), await tenant.send_template(person)):
        refused = await tenant.wait_state(message_id, "failed")
        assert (refused["error"]["code"], refused["error"]["reason"]) == (131050, "withdrawn")
    assert len(await world.sandbox.sends_to(person)) == 1

    await asyncio.sleep(META_SECONDS)
    await world.sandbox.write(person, "Всё-таки вопрос: вы открыты?", tenant.phone_number_id)
    await eventually(partial(_is_open, tenant, person))
    answer = await tenant.send_text(person)
    await tenant.wait_state(answer, "sent", "delivered", "read")

    await asyncio.sleep(META_SECONDS)
    await world.sandbox.write(person, "старт", tenant.phone_number_id)
    again = await eventually(partial(_sends, world, person, 3))
    await tenant.wait_state(again[-1]["biz_opaque_callback_data"], "sent", "delivered", "read")
    await tenant.wait_state(await tenant.send_template(person), "sent", "delivered", "read")


async def _sends(world: World, person: str, count: int) -> list[dict[str, Any]] | None:
    found = await world.sandbox.sends_to(person)
    return found if len(found) == count else None


async def _is_open(tenant: Tenant, person: str) -> bool:
    """The person's question has been judged: its callback is there."""
    values = [received.value for received in tenant.callbacks.values]
    messages = [value["messages"][0] for value in values if "messages" in value]
    return any("вопрос" in message.get("text", {}).get("body", "") for message in messages)
