"""Numbers, accounts, templates, profile and registration at Meta's door."""

from typing import Any

from tests.sandbox.stand import Receiver, Sandbox, message_to, new_phone, template_to, until

NUMBER, ACCOUNT = "5550001", "5559000"
BODY = [{"type": "BODY", "text": "Hi {{1}}", "example": {"body_text": [["Anna"]]}}]


async def known(sandbox: Sandbox, **more: Any) -> None:
    shown = {"waba_id": ACCOUNT, "display_phone_number": "+7 495 000-00-09", "verified_name": "Bakery"}
    await sandbox.control("PUT", f"numbers/{NUMBER}", shown | more)


async def test_a_number_is_read_by_its_fields(sandbox: Sandbox) -> None:
    await known(sandbox, messages_per_second=80)

    status, answer = await sandbox.graph("GET", f"{NUMBER}?fields=verified_name,status,throughput,quality_rating")
    assert status == 200
    assert answer == {
        "verified_name": "Bakery",
        "status": "CONNECTED",
        "throughput": {"level": "STANDARD"},
        "quality_rating": "GREEN",
        "id": NUMBER,
    }
    assert (await sandbox.graph("GET", NUMBER))[1]["display_phone_number"] == "+7 495 000-00-09"
    assert (await sandbox.graph("GET", f"{NUMBER}?fields=colour"))[1]["error"]["code"] == 100


async def test_an_account_lists_its_numbers_and_no_others(sandbox: Sandbox) -> None:
    await known(sandbox)
    await sandbox.control("PUT", "numbers/5550002", {"waba_id": "5559001"})

    status, answer = await sandbox.graph("GET", f"{ACCOUNT}/phone_numbers")
    assert status == 200
    assert [one["id"] for one in answer["data"]] == [NUMBER]
    assert (await sandbox.graph("GET", f"{ACCOUNT}?fields=name"))[1] == {"name": "Sandbox", "id": ACCOUNT}


async def test_an_unknown_id_is_metas_unsupported_request(sandbox: Sandbox) -> None:
    for path in ("999999", "999999/phone_numbers", "999999/message_templates", "999999/whatsapp_business_profile"):
        status, answer = await sandbox.graph("GET", path)
        assert (status, answer["error"]["code"], answer["error"]["error_subcode"]) == (400, 100, 33), path
        assert answer["error"]["type"] == "GraphMethodException"


async def test_without_a_token_nothing_is_read(sandbox: Sandbox) -> None:
    for path in ("1", "1/message_templates", "1/whatsapp_business_profile"):
        status, answer = await sandbox.graph("GET", path, token="")
        assert (status, answer["error"]["code"]) == (401, 190)


async def test_a_template_is_created_reviewed_announced_listed_edited_and_deleted(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    await known(sandbox)
    new = {"name": "life_of_a_template", "category": "MARKETING", "language": "ru", "components": BODY}
    status, answer = await sandbox.graph("POST", f"{ACCOUNT}/message_templates", json=new)
    assert (status, answer["status"], answer["category"]) == (200, "PENDING", "MARKETING")
    found = answer["id"]

    def told() -> list[Any]:
        changes = receiver.changes("message_template_status_update")
        return [one for one in changes if one["value"]["message_template_id"] == int(found)]

    [change] = await until(told)
    assert (change["value"]["event"], change["waba_id"]) == ("APPROVED", ACCOUNT)
    assert isinstance(change["time"], int)
    assert (await sandbox.graph("GET", f"{found}?fields=status"))[1] == {"status": "APPROVED", "id": found}
    listed = (await sandbox.graph("GET", f"{ACCOUNT}/message_templates?name=life_of_a_template"))[1]["data"]
    assert [one["components"] for one in listed] == [BODY]

    again = await sandbox.graph("POST", f"{ACCOUNT}/message_templates", json=new)
    assert again[1]["error"]["error_subcode"] == 2388024
    assert (await sandbox.graph("POST", found, json={"components": [{"type": "BODY", "text": "Hello"}]}))[0] == 200
    await until(lambda: len(told()) == 2)

    assert (await sandbox.graph("DELETE", f"{ACCOUNT}/message_templates?name=life_of_a_template"))[0] == 200
    assert (await sandbox.graph("GET", f"{ACCOUNT}/message_templates?name=life_of_a_template"))[1] == {"data": []}


async def test_a_name_decides_what_meta_says(sandbox: Sandbox, receiver: Receiver) -> None:
    await known(sandbox)
    for name in ("sale_rejected", "sale_pending"):
        new = {"name": name, "category": "utility", "language": "ru", "components": BODY}
        assert (await sandbox.graph("POST", f"{ACCOUNT}/message_templates", json=new))[0] == 200

    def decided() -> dict[str, str]:
        values = [one["value"] for one in receiver.changes("message_template_status_update")]
        return {one["message_template_name"]: one["event"] for one in values}

    await until(lambda: decided().get("sale_rejected") == "REJECTED")
    assert "sale_pending" not in decided()
    status, answer = await sandbox.post(template_to(new_phone(), "a", name="sale_rejected"), number=NUMBER)
    assert (status, answer["error"]["code"]) == (404, 132001)


async def test_a_pending_template_is_decided_after_a_restart(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, receiver = own_stand
    await sandbox.start(TEMPLATE_REVIEW_SECONDS="3600")
    await known(sandbox)
    new = {"name": "slow", "category": "utility", "language": "ru", "components": BODY}
    assert (await sandbox.graph("POST", f"{ACCOUNT}/message_templates", json=new))[0] == 200
    await sandbox.stop()
    await sandbox.start(TEMPLATE_REVIEW_SECONDS="0")

    await until(lambda: receiver.changes("message_template_status_update"))


async def test_a_template_that_cannot_be_is_refused_by_its_field(sandbox: Sandbox) -> None:
    await known(sandbox)
    fine = {"name": "fine", "category": "utility", "language": "ru", "components": BODY}
    for wrong, words in (
        ({"name": "Not Fine"}, "name"),
        ({"category": "spam"}, "category"),
        ({"components": []}, "components"),
        ({"components": [{"type": "FOOTER", "text": "x"}]}, "BODY"),
        ({"components": [{"type": "BODY", "text": "x" * 1025}]}, "1024"),
    ):
        status, answer = await sandbox.graph("POST", f"{ACCOUNT}/message_templates", json=fine | wrong)
        assert (status, answer["error"]["code"]) == (400, 100)
        assert words in answer["error"]["error_data"]["details"]


async def test_lists_are_paged_by_cursor(sandbox: Sandbox) -> None:
    await sandbox.control("PUT", "numbers/5550003", {"waba_id": "5559003"})
    for number in range(5):
        known_template = {"category": "utility", "language": "ru", "waba_id": "5559003"}
        await sandbox.control("PUT", f"templates/paged_{number}", known_template)
    names, path = [], "5559003/message_templates?limit=2&fields=name"
    while path:
        page = (await sandbox.graph("GET", path))[1]
        names += [one["name"] for one in page["data"] if one["name"].startswith("paged_")]
        path = page.get("paging", {}).get("next", "").partition("/v23.0/")[2]

    assert names == [f"paged_{number}" for number in range(5)]


async def test_the_business_profile_is_kept_and_checked(sandbox: Sandbox) -> None:
    await known(sandbox)
    path = f"{NUMBER}/whatsapp_business_profile"
    change = {"messaging_product": "whatsapp", "about": "Warm bread", "websites": ["https://example.com"]}
    assert await sandbox.graph("POST", path, json=change) == (200, {"success": True})
    assert await sandbox.graph("POST", path, json={"messaging_product": "whatsapp", "vertical": "RETAIL"}) == (
        200,
        {"success": True},
    )

    [found] = (await sandbox.graph("GET", f"{path}?fields=about,vertical,websites"))[1]["data"]
    assert found == {"about": "Warm bread", "vertical": "RETAIL", "websites": ["https://example.com"]}
    for wrong in ({"about": ""}, {"about": "x" * 140}, {"vertical": "MAGIC"}, {"websites": ["https://a"] * 3}):
        body = {"messaging_product": "whatsapp"} | wrong
        assert (await sandbox.graph("POST", path, json=body))[1]["error"]["code"] == 100


async def test_a_number_is_registered_by_pin_and_deregistered(sandbox: Sandbox) -> None:
    await known(sandbox)
    pin = {"messaging_product": "whatsapp", "pin": "123456"}
    assert (await sandbox.graph("POST", f"{NUMBER}/deregister"))[1] == {"success": True}
    text = message_to(new_phone(), "text", {"body": "hi"})
    assert (await sandbox.post(text, number=NUMBER))[1]["error"]["code"] == 133010
    assert (await sandbox.graph("POST", f"{NUMBER}/register", json=pin | {"pin": "12"}))[1]["error"]["code"] == 100
    assert (await sandbox.graph("POST", f"{NUMBER}/register", data=pin))[1] == {"success": True}, "a form will do"
    assert (await sandbox.post(text, number=NUMBER))[0] == 200
    codes = [(await sandbox.graph("POST", f"{NUMBER}/register", json=pin))[1] for _ in range(10)]
    assert codes[-1]["error"]["code"] == 133016
