"""Numbers that always behave in one way."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.sandbox.codes import KNOWN
from services.sandbox.magic.behaviours import BEHAVIOURS
from tests.sandbox.stand import NUMBER, Receiver, Sandbox, template_to, text_to, until

README = Path("services/sandbox/README.md").read_text(encoding="utf-8")


def person(number: int) -> str:
    return f"79997{number:06}"


@pytest.mark.parametrize(
    "code", [100, 190, 368, 130472, 131026, 131047, 131049, 131050, 131056, 130429, 131031, 131042]
)
async def test_a_number_with_a_code_refuses_at_once_or_fails_later(
    sandbox: Sandbox, receiver: Receiver, code: int
) -> None:
    _, answer = await sandbox.post(template_to(f"79998{code:06}", "Anna"))
    assert answer["error"]["code"] == code

    assert (await sandbox.post(template_to(f"79999{code:06}", "Anna")))[0] == 200
    [failed] = await until(lambda: receiver.statuses(f"79999{code:06}"))
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", code)


async def test_a_number_without_a_known_code_is_a_person_like_any_other(sandbox: Sandbox, receiver: Receiver) -> None:
    for phone in ("79998999999", "79999000000", "7999913102", "79997999999"):
        assert (await sandbox.post(text_to(phone)))[0] == 200


STATUSES = {
    1: ["sent", "delivered", "read"],
    2: ["sent", "delivered"],
    3: ["sent", "read"],
    4: ["sent"],
    6: ["sent", "delivered", "failed"],
    7: ["read", "delivered", "sent"],
}


@pytest.mark.parametrize(("number", "names"), STATUSES.items())
async def test_people_differ_in_their_statuses(
    sandbox: Sandbox, receiver: Receiver, number: int, names: list[str]
) -> None:
    await sandbox.send_text(person(number))

    await until(lambda: len(receiver.names(person(number))) == len(names))
    assert receiver.names(person(number)) == names


async def test_people_differ_in_their_answers(sandbox: Sandbox, receiver: Receiver) -> None:
    await sandbox.send_text(person(5))
    for number in (22, 23):
        with pytest.raises(aiohttp.ClientError):
            await sandbox.post(text_to(person(number)))
    for number, outcome in ((24, "refused"), (25, "dropped"), (22, "dropped"), (23, "refused")):
        if number in (24, 25):
            url = f"{sandbox.url}/v23.0/{NUMBER}/messages"
            async with sandbox.session.post(
                url, json=text_to(person(number)), headers={"Authorization": "Bearer k"}
            ) as got:
                assert got.status == 502
        assert [send["outcome"] for send in await sandbox.sends(person(number))] == [outcome]
    _, answer = await sandbox.post(template_to(person(26), "Anna"))
    assert answer["messages"][0]["message_status"] == "held_for_quality_assessment"
    await sandbox.all_told()
    assert receiver.names(person(5)) == []


REPLIES = {
    30: "text",
    32: "text",
    34: "reaction",
    35: "image",
    36: "audio",
    37: "document",
    38: "location",
    39: "contacts",
}


@pytest.mark.parametrize(("number", "kind"), REPLIES.items())
async def test_people_answer(sandbox: Sandbox, receiver: Receiver, number: int, kind: str) -> None:
    await sandbox.send_text(person(number))

    [message] = await until(lambda: receiver.messages(person(number)))
    assert message["type"] == kind
    assert receiver.names(person(number)) == ["sent", "delivered", "read"]


async def test_one_writes_without_a_phone_number(sandbox: Sandbox, receiver: Receiver) -> None:
    bsuid = (await sandbox.send_text(person(33)))["contacts"][0]["user_id"]

    def told() -> list[dict[str, Any]]:
        messages = [m for value in receiver.values() for m in value.get("messages", [])]
        return [m for m in messages if m["from_user_id"] == bsuid]

    [message] = await until(told)
    assert "from" not in message


async def test_a_scenario_of_ones_own_beats_the_magic(sandbox: Sandbox) -> None:
    await sandbox.scenario("79998131026", statuses=[])
    try:
        assert (await sandbox.post(text_to("79998131026")))[0] == 200
    finally:
        await sandbox.control("DELETE", "scenarios/79998131026")


async def test_the_table_is_served_and_stands_in_the_readme(sandbox: Sandbox) -> None:
    table = (await sandbox.control("GET", "magic"))["numbers"]
    by_phone = {row["phone"]: row for row in table}
    assert by_phone["+79999131026"]["code"] == 131026
    assert {code for row in table if (code := row["code"])} == {code for code in KNOWN if 0 < code < 10**6}
    for number, behaviour in BEHAVIOURS.items():
        assert f"`{number:03}` | {behaviour.en} | {behaviour.ru} |" in README


async def test_magic_may_be_switched_off(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, _ = own_stand
    await sandbox.start(RULES__MAGIC="false")

    assert (await sandbox.post(text_to("79998131026")))[0] == 200
    assert await sandbox.control("GET", "magic") == {"numbers": []}
