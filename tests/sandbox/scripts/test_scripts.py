"""People who act by themselves."""

import pytest

from tests.sandbox.stand import NUMBER, Receiver, Sandbox, message_to, text_to, until


async def test_steps_follow_a_message_that_fits(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    answer = [{"do": "read"}, {"do": "text", "text": "On my way", "after_seconds": 0.1, "quote": True}]
    rules = [{"contains": "READY", "steps": answer}, {"steps": [{"do": "ignore"}, {"do": "text", "text": "never"}]}]
    await sandbox.control("PUT", f"people/{phone}/script", {"rules": rules})

    await sandbox.send_text(phone, "something else")
    wamid = (await sandbox.send_text(phone, "It is ready"))["messages"][0]["id"]

    [reply] = await until(lambda: receiver.messages(phone))
    assert (reply["text"]["body"], reply["context"]["id"]) == ("On my way", wamid)
    await until(lambda: len(receiver.statuses(phone)) == 5)
    told = {(status["id"] == wamid, status["status"]) for status in receiver.statuses(phone)}
    assert told == {(True, "sent"), (True, "delivered"), (True, "read"), (False, "sent"), (False, "delivered")}
    assert len(receiver.messages(phone)) == 1


async def test_every_action_becomes_a_message(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    actions = ["reaction", "image", "voice", "document", "location", "contacts", "edit", "revoke", "stop", "button"]
    steps = [{"do": "text", "text": "hello"}, *({"do": action} for action in actions)]
    await sandbox.control("PUT", f"people/{phone}/script", {"rules": [{"type": "interactive", "steps": steps}]})
    buttons = [{"type": "reply", "reply": {"id": "1", "title": "One"}}]
    asked = {"type": "button", "body": {"text": "?"}, "action": {"buttons": buttons}}
    await sandbox.post(message_to(phone, "interactive", asked))

    messages = await until(lambda: receiver.messages(phone) if len(receiver.messages(phone)) == 11 else [])
    kinds = ["text", "reaction", "image", "audio", "document", "location", "contacts", "edit", "revoke", "text"]
    assert [message["type"] for message in messages] == [*kinds, "interactive"]
    assert messages[3]["audio"]["voice"] is True
    assert messages[9]["text"]["body"] == "STOP"


async def test_a_script_may_begin_by_itself_and_a_rule_may_end(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    begin = {"begin": [{"do": "text", "text": "Are you open?"}], "phone_number_id": NUMBER}
    rules = [{"times": 1, "steps": [{"do": "text", "text": "once"}]}]
    await sandbox.control("PUT", f"people/{phone}/script", begin | {"rules": rules})
    await until(lambda: receiver.messages(phone))
    for _ in range(3):
        await sandbox.send_text(phone)
    await until(lambda: len(receiver.messages(phone)) == 2)
    await sandbox.all_told()

    assert [m["text"]["body"] for m in receiver.messages(phone)] == ["Are you open?", "once"]


async def test_a_step_that_refers_to_nothing_is_left_out(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    steps = [{"do": "button"}, {"do": "text", "text": "no buttons"}]
    await sandbox.control("PUT", f"people/{phone}/script", {"rules": [{"steps": steps}]})
    await sandbox.send_text(phone)

    [message] = await until(lambda: receiver.messages(phone))
    assert message["text"]["body"] == "no buttons"


async def test_a_script_is_shown_and_forgotten(sandbox: Sandbox, phone: str) -> None:
    await sandbox.control("PUT", f"people/{phone}/script", {"seed": 3})
    assert (await sandbox.control("GET", f"people/{phone}/script"))["seed"] == 3
    await sandbox.control("DELETE", f"people/{phone}/script")
    async with sandbox.session.get(f"{sandbox.url}/_sandbox/people/{phone}/script") as answer:
        assert answer.status == 404
    assert (await sandbox.post(text_to(phone)))[0] == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": [{"steps": [{"do": "dance"}]}]},
        {"rules": [{"steps": [{"do": "text"}]}]},
        {"rules": [{"steps": [{"do": "read", "after_seconds": -1}]}]},
        {"begin": [{"do": "text", "text": "hi"}]},
    ],
)
async def test_a_script_that_means_nothing_is_refused(sandbox: Sandbox, phone: str, wrong: object) -> None:
    async with sandbox.session.put(f"{sandbox.url}/_sandbox/people/{phone}/script", json=wrong) as answer:
        assert answer.status == 422
