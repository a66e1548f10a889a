"""Meta's rules beyond the shape: the window, the pair, the number, and whom one may send to."""

from typing import Any

from tests.sandbox.stand import NUMBER, Receiver, Sandbox, message_to, new_phone, template_to, text_to, until


async def code_of(sandbox: Sandbox, body: object, *, number: str = NUMBER) -> int:
    """0 when it was taken."""
    status, answer = await sandbox.post(body, number=number)
    return 0 if status == 200 else int(answer["error"]["code"])


async def test_free_form_needs_a_window_and_a_template_does_not(
    strict_stand: tuple[Sandbox, Receiver], phone: str
) -> None:
    sandbox, _ = strict_stand
    assert await code_of(sandbox, text_to(phone)) == 131047
    assert await code_of(sandbox, template_to(phone, "Anna")) == 0
    assert [send["code"] for send in await sandbox.sends(phone)] == [131047, None]

    await sandbox.writes(phone, text="hi")
    assert await code_of(sandbox, text_to(phone)) == 0
    assert await code_of(sandbox, text_to(phone), number="42") == 131047, "the window is that number's"


async def test_a_window_outlives_the_process(strict_stand: tuple[Sandbox, Receiver], phone: str) -> None:
    sandbox, receiver = strict_stand
    await sandbox.writes(phone, text="hi")
    await until(lambda: receiver.messages(phone))
    await sandbox.stop()
    await sandbox.start()

    assert await code_of(sandbox, text_to(phone)) == 0


async def test_a_scenario_switches_the_window_off_and_on(
    strict_stand: tuple[Sandbox, Receiver], sandbox: Sandbox, phone: str
) -> None:
    strict, _ = strict_stand
    await strict.scenario(phone, window=False)
    assert await code_of(strict, text_to(phone)) == 0
    await sandbox.scenario(phone, window=True)
    assert await code_of(sandbox, text_to(phone)) == 131047


async def test_forty_five_messages_to_one_person_pass_at_once_and_no_more(sandbox: Sandbox, phone: str) -> None:
    codes = [await code_of(sandbox, text_to(phone)) for _ in range(50)]

    assert codes[:45] == [0] * 45
    assert codes[-1] == 131056
    assert await code_of(sandbox, text_to(phone), number="42") == 0, "the pair is with one number"
    assert await code_of(sandbox, text_to(new_phone())) == 0
    await sandbox.scenario(phone, pairs=False)
    assert await code_of(sandbox, text_to(phone)) == 0


async def test_a_numbers_messages_a_second_are_enforced_when_it_has_them(sandbox: Sandbox) -> None:
    await sandbox.control("PUT", "numbers/20", {"messages_per_second": 2})

    codes = [await code_of(sandbox, text_to(new_phone()), number="20") for _ in range(8)]
    assert codes[:2] == [0, 0]
    assert 130429 in codes


async def test_sender_recipient_allow_list_and_registration(sandbox: Sandbox, phone: str) -> None:
    known: dict[str, Any] = {"display_phone_number": f"+{phone}", "allowed_recipients": [f"+{phone}", "+79990000005"]}
    await sandbox.control("PUT", "numbers/21", known)
    assert await code_of(sandbox, text_to(phone), number="21") == 131021
    assert await code_of(sandbox, text_to("79990000005"), number="21") == 0
    assert await code_of(sandbox, text_to("79990000006"), number="21") == 131030

    await sandbox.control("PUT", "numbers/21", {"registered": False})
    assert await code_of(sandbox, text_to("79990000005"), number="21") == 133010


async def test_a_bsuid_that_the_account_was_given_reaches_the_person(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    bsuid = (await sandbox.send_text(phone))["contacts"][0]["user_id"]
    body = text_to(phone, "by id") | {"recipient": bsuid, "biz_opaque_callback_data": phone}
    del body["to"]

    status, answer = await sandbox.post(body)
    assert status == 200
    assert answer["contacts"] == [{"input": bsuid, "user_id": bsuid}]
    inbox = (await sandbox.control("GET", f"people/{phone}"))["inbox"]
    assert inbox[-1]["text"] == "by id"

    def told() -> list[dict[str, Any]]:
        statuses = [s for value in receiver.values() for s in value.get("statuses", [])]
        return [s for s in statuses if s.get("biz_opaque_callback_data") == phone]

    statuses = await until(lambda: told() if len(told()) == 3 else [])
    assert {s["recipient_user_id"] for s in statuses} == {bsuid}
    assert not any("recipient_id" in s for s in statuses)


async def test_a_bsuid_of_nobody_is_undeliverable(sandbox: Sandbox, phone: str) -> None:
    body = {"messaging_product": "whatsapp", "text": {"body": "hi"}}
    for recipient, code in (("RU.12345", 131026), ("Anna", 131009), ("US.99999999999999999999999", 131026)):
        assert await code_of(sandbox, body | {"recipient": recipient}) == code
    bsuid = (await sandbox.send_text(phone))["contacts"][0]["user_id"]
    await sandbox.control("PUT", "numbers/22", {"waba_id": "2200"})
    assert await code_of(sandbox, body | {"recipient": bsuid}, number="22") == 131026, "another account's id"


async def test_a_code_is_not_sent_to_a_bsuid(sandbox: Sandbox, phone: str) -> None:
    components = [{"type": "BODY"}, {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "ONE_TAP"}]}]
    known = {"category": "authentication", "language": "ru", "components": components}
    await sandbox.control("PUT", "templates/one_tap", known)
    bsuid = (await sandbox.send_text(phone))["contacts"][0]["user_id"]
    body = message_to(phone, "template", {"name": "one_tap", "language": {"code": "ru"}}) | {"recipient": bsuid}
    del body["to"]

    assert await code_of(sandbox, body) == 131062


async def test_a_reaction_is_sent_and_nothing_more(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    wamid = await sandbox.writes(phone, text="thanks")
    assert await code_of(sandbox, message_to(phone, "reaction", {"message_id": wamid, "emoji": "👍"})) == 0

    await until(lambda: receiver.names(phone))
    await sandbox.all_told()
    assert receiver.names(phone) == ["sent"]
