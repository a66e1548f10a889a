"""What the Graph door answers."""

import base64
import re

import pytest

from tests.sandbox.stand import NUMBER, Receiver, Sandbox, template_to, text_to


async def test_an_accepted_text_is_answered_in_metas_shape(sandbox: Sandbox, phone: str) -> None:
    status, answer = await sandbox.post(text_to(phone))

    assert status == 200
    assert answer["messaging_product"] == "whatsapp"
    [contact] = answer["contacts"]
    assert (contact["input"], contact["wa_id"]) == (f"+{phone}", phone)
    assert re.fullmatch(r"RU\.\d+", contact["user_id"])
    assert list(answer["messages"][0]) == ["id"]


async def test_a_wamid_hides_the_phone_number_in_base64_and_is_never_given_twice(sandbox: Sandbox, phone: str) -> None:
    wamids = [(await sandbox.send_text(phone))["messages"][0]["id"] for _ in range(5)]

    assert len(set(wamids)) == 5
    for wamid in wamids:
        assert len(wamid) <= 128
        assert phone.encode() in base64.b64decode(wamid.removeprefix("wamid."))


async def test_a_template_is_accepted_under_any_graph_version(sandbox: Sandbox, phone: str) -> None:
    url = f"{sandbox.url}/v14.0/{NUMBER}/messages"
    headers = {"Authorization": "Bearer key"}
    async with sandbox.session.post(url, json=template_to(phone, "Anna"), headers=headers) as answer:
        assert answer.status == 200
        assert (await answer.json())["messages"][0]["message_status"] == "accepted"


REFUSED = [
    (b"{not json", 100, 400),
    (b"[]", 100, 400),
    (b"\xff\xfe", 100, 400),
    ({"to": "+79110000000", "text": {"body": "x"}}, 100, 400),
    ({"messaging_product": "whatsapp", "text": {"body": "x"}}, 100, 400),
    (text_to("79110000000") | {"to": 79110000000}, 100, 400),
    (text_to("79110000000") | {"to": "Anna"}, 131009, 400),
    (text_to("79110000000") | {"text": {}}, 131008, 400),
    (text_to("79110000000", " "), 131009, 400),
    (text_to("79110000000", "x" * 4097), 100, 400),
    (text_to("79110000000") | {"biz_opaque_callback_data": "x" * 513}, 131009, 400),
    (text_to("79110000000") | {"type": "hologram"}, 131051, 400),
    (text_to("79110000000") | {"type": "image"}, 131008, 400),
    (template_to("79110000000") | {"template": {"language": {"code": "ru"}}}, 131008, 400),
    (template_to("79110000000") | {"template": {"name": "a"}}, 131008, 400),
    (template_to("79110000000", ""), 132012, 400),
]


@pytest.mark.parametrize(("body", "code", "status"), REFUSED)
async def test_bad_input_gets_metas_error_envelope(sandbox: Sandbox, body: object, code: int, status: int) -> None:
    answered, answer = await sandbox.post(body)

    assert answered == status
    error = answer["error"]
    assert error["code"] == code
    assert error["type"] == "OAuthException"
    assert error["message"].startswith(f"(#{code}) ")
    assert error["error_data"]["details"]
    assert error["fbtrace_id"]


async def test_a_call_without_a_token_is_refused_with_190(sandbox: Sandbox, phone: str) -> None:
    status, answer = await sandbox.post(text_to(phone), token="")

    assert (status, answer["error"]["code"]) == (401, 190)
    [send] = await sandbox.sends(phone)
    assert (send["outcome"], send["code"], send["wamid"]) == ("refused", 190, None)


async def test_a_wrong_path_gets_metas_error_envelope(sandbox: Sandbox, phone: str) -> None:
    status, answer = await sandbox.post(text_to(phone), number="me")

    assert (status, answer["error"]["code"]) == (400, 100)


async def test_a_read_mark_succeeds_and_is_no_message(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, receiver = own_stand
    await sandbox.start()
    mark = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"}

    assert await sandbox.post(mark | {"typing_indicator": {"type": "text"}}) == (200, {"success": True})
    status, answer = await sandbox.post({"messaging_product": "whatsapp", "status": "read"})

    assert (status, answer["error"]["code"]) == (400, 131008)
    assert (await sandbox.control("GET", "sends"))["sends"] == []
    assert receiver.bodies == []
