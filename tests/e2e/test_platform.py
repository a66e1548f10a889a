"""What Meta says about templates and accounts, and what it says of a number before anybody has it."""

import asyncio
import sys
import time
from typing import Any

from tests.e2e.conftest import World
from tests.e2e.harness.meta import inbound
from tests.e2e.harness.tenants import LANGUAGE, TEMPLATE, Tenant, new_meta_id, new_person, template_body, text_body
from tests.e2e.harness.waiting import eventually

NO_SUCH_TEMPLATE, WINDOW_CLOSED = 132001, 131047


def template_status(tenant: Tenant, event: str, at: int) -> dict[str, Any]:
    value = {
        "event": event,
        "message_template_id": 1689556908129832,
        "message_template_name": TEMPLATE,
        "message_template_language": LANGUAGE,
        "reason": "NONE",
    }
    change = {"field": "message_template_status_update", "value": value}
    return {"object": "whatsapp_business_account", "entry": [{"id": tenant.waba_id, "time": at, "changes": [change]}]}


async def vestnik(world: World, *arguments: str) -> tuple[int, str]:
    """The operator's command against this stack: exit code and output."""
    command = (sys.executable, "-m", "tools.vestnik", "quarantine", *arguments, "--dir", str(world.stack.directory))
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_a_template_is_sent_exactly_while_meta_allows_it_and_the_tenant_hears_metas_words(
    world: World, tenant: Tenant
) -> None:
    person, now = await tenant.new_person(), int(time.time())
    assert await world.meta.post(template_status(tenant, "PAUSED", now)) == 200
    paused = template_body(person, "Анна")

    async def is_refused() -> bool:
        answer = await tenant.post(paused)
        return answer.status != 200 and answer.code == NO_SUCH_TEMPLATE

    await eventually(is_refused, "a paused template is refused")
    assert await world.meta.post(template_status(tenant, "REINSTATED", now + 60)) == 200

    async def is_accepted() -> bool:
        return (await tenant.post(paused)).status == 200

    await eventually(is_accepted, "a reinstated template is accepted")

    def told() -> list[str]:
        return [one.value["event"] for one in tenant.callbacks.values if "message_template_name" in one.value]

    await eventually(lambda: told() == ["PAUSED", "REINSTATED"], "the tenant hears of both")


async def test_what_people_wrote_to_a_number_before_it_was_added_reaches_its_tenant(
    world: World, tenant: Tenant
) -> None:
    number, person = new_meta_id(), new_person()
    words = [f"письмо {count}" for count in range(5)]
    for text in words:
        assert await world.meta.post(inbound(number, text, person=person)) == 200
    assert number in (await vestnik(world, "list"))[1]
    await world.staff.add_number(tenant, number, tenant.waba_id)

    def told() -> list[str]:
        return [one.value["messages"][0]["text"]["body"] for one in tenant.callbacks.messages()]

    await eventually(lambda: told() == words, "all of them, in their order")
    assert number not in (await vestnik(world, "list"))[1]


async def test_staff_replay_by_command_and_are_told_what_stays(world: World) -> None:
    number = new_meta_id()
    assert await world.meta.post(inbound(number, "кому?", person=new_person())) == 200
    code, output = await vestnik(world, "replay", "--number", number)
    assert (code, "0 webhooks left" in output, "1 stay" in output) == (1, True, True)
    code, output = await vestnik(world, "replay")
    assert code == 1
    assert "--number, --waba, --reason or --id" in output


async def test_a_reaction_is_told_and_opens_no_window(world: World, tenant: Tenant) -> None:
    person = new_person()
    body = inbound(tenant.phone_number_id, "", person=person)
    [message] = body["entry"][0]["changes"][0]["value"]["messages"]
    del message["text"]
    message |= {"type": "reaction", "reaction": {"message_id": "wamid.of.another", "emoji": "👍"}}
    assert await world.meta.post(body) == 200
    await eventually(lambda: len(tenant.callbacks.messages()) == 1, "the reaction is told")
    answer = await tenant.post(text_body(person, "Спасибо!"))
    refused = await tenant.wait_state(answer.message_id, "failed")
    assert refused["error"]["code"] == WINDOW_CLOSED
