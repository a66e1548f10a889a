"""What the sandbox knows about numbers and templates, and keeps."""

import signal

from tests.sandbox.stand import NUMBER, Receiver, Sandbox, template_to, text_to, until


async def test_a_known_template_is_checked_and_priced_by_its_category(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    known = {"category": "marketing", "language": "ru", "body_parameters": 1}
    await sandbox.control("PUT", "templates/sale", known)

    status, answer = await sandbox.post(template_to(phone, "a", "b", name="sale"))
    assert (status, answer["error"]["code"]) == (400, 132000)
    english = template_to(phone, "a", name="sale")
    english["template"]["language"]["code"] = "en"
    status, answer = await sandbox.post(english)
    assert (status, answer["error"]["code"]) == (404, 132001)

    assert (await sandbox.post(template_to(phone, "a", name="sale")))[0] == 200
    first = (await until(lambda: receiver.statuses(phone)))[0]
    assert first["pricing"] == {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"}


async def test_a_number_names_its_account_in_webhooks_also_after_a_restart(
    own_stand: tuple[Sandbox, Receiver], phone: str
) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    number = {"waba_id": "102290129340398", "display_phone_number": "15550783881"}
    await sandbox.control("PUT", f"numbers/{NUMBER}", number)
    await sandbox.end(signal.SIGKILL)
    await sandbox.start()

    assert await sandbox.control("GET", f"numbers/{NUMBER}") == number
    await sandbox.send_text(phone)
    value = (await until(receiver.values))[0]
    assert value["waba_id"] == "102290129340398"
    assert value["metadata"] == {"display_phone_number": "15550783881", "phone_number_id": NUMBER}


async def test_an_unknown_number_reports_under_account_0(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    await sandbox.post(text_to(phone), number="42")

    await until(lambda: receiver.statuses(phone))
    of_number = [v for v in receiver.values() if v.get("metadata", {}).get("phone_number_id") == "42"]
    assert {v["waba_id"] for v in of_number} == {"0"}
