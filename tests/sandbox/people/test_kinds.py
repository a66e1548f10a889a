"""Every kind of message a person may send, crowds, and forgers."""

import json
from typing import Any

import pytest

from tests.sandbox.stand import NUMBER, Receiver, Sandbox, message_to, template_to, until

KINDS = [
    ("location", "location"),
    ("contacts", "contacts"),
    ("order", "order"),
    ("system", "system"),
    ("unsupported", "errors"),
    ("image", "image"),
    ("audio", "audio"),
    ("video", "video"),
    ("document", "document"),
    ("sticker", "sticker"),
]


async def message(receiver: Receiver, wamid: str) -> dict[str, Any]:
    def found() -> list[dict[str, Any]]:
        return [m for value in receiver.values() for m in value.get("messages", []) if m["id"] == wamid]

    told: dict[str, Any] = (await until(found))[0]
    return told


@pytest.mark.parametrize(("kind", "field"), KINDS)
async def test_each_kind_has_a_ready_made_content(
    sandbox: Sandbox, receiver: Receiver, phone: str, kind: str, field: str
) -> None:
    told = await message(receiver, await sandbox.writes(phone, type=kind))

    assert told["type"] == kind
    assert told[field]
    assert told["from"] == phone


async def test_metas_own_object_is_told_as_it_is(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    place = {"latitude": 1.5, "longitude": -2, "name": "Nowhere"}
    told = await message(receiver, await sandbox.writes(phone, type="location", location=place))
    assert told["location"] == place

    told = await message(receiver, await sandbox.writes(phone, type="text", text={"body": "like Meta"}))
    assert told["text"] == {"body": "like Meta"}


async def test_quotes_forwards_and_advertisements(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    wamid = (await sandbox.send_text(phone))["messages"][0]["id"]

    told = await message(receiver, await sandbox.writes(phone, text="yes", reply_to=wamid))
    assert told["context"]["id"] == wamid
    told = await message(receiver, await sandbox.writes(phone, text="look", forwarded=True))
    assert told["context"] == {"forwarded": True}
    told = await message(receiver, await sandbox.writes(phone, text="hi", referral={"source_type": "ad"}))
    assert told["referral"] == {"source_type": "ad"}


async def test_buttons_and_rows_are_pressed(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    buttons = [{"type": "reply", "reply": {"id": str(n), "title": f"Title {n}"}} for n in range(2)]
    asked = {"type": "button", "body": {"text": "?"}, "action": {"buttons": buttons}}
    _, answer = await sandbox.post(message_to(phone, "interactive", asked))
    told = await message(receiver, await sandbox.writes(phone, type="interactive", press=1))
    assert told["interactive"] == {"type": "button_reply", "button_reply": {"id": "1", "title": "Title 1"}}
    assert told["context"]["id"] == answer["messages"][0]["id"]

    rows = [{"id": "a", "title": "A", "description": "first"}]
    listed = {"type": "list", "body": {"text": "?"}, "action": {"button": "Open", "sections": [{"rows": rows}]}}
    await sandbox.post(message_to(phone, "interactive", listed))
    told = await message(receiver, await sandbox.writes(phone, type="interactive"))
    assert told["interactive"] == {"type": "list_reply", "list_reply": rows[0]}


async def test_a_templates_quick_reply_brings_its_payload(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    buttons = {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Cancel"}]}
    components = [{"type": "BODY", "text": "Hi {{1}}"}, buttons]
    await sandbox.control("PUT", "templates/quick", {"category": "utility", "language": "ru", "components": components})
    body = template_to(phone, "Anna", name="quick")
    payload = {"type": "button", "sub_type": "quick_reply", "index": "0"}
    payload["parameters"] = [{"type": "payload", "payload": "CANCEL-17"}]  # type: ignore[assignment]  # JSON
    body["template"]["components"].append(payload)
    await sandbox.post(body)

    told = await message(receiver, await sandbox.writes(phone, type="button"))
    assert (told["type"], told["button"]) == ("button", {"payload": "CANCEL-17", "text": "Cancel"})


async def test_edits_revokes_and_reactions_name_the_last_message(
    sandbox: Sandbox, receiver: Receiver, phone: str
) -> None:
    got = (await sandbox.send_text(phone))["messages"][0]["id"]
    said = await sandbox.writes(phone, text="at fiv")

    told = await message(receiver, await sandbox.writes(phone, type="edit", text="at five"))
    assert told["edit"]["original_message_id"] == said
    assert told["edit"]["message"]["text"] == {"body": "at five"}
    told = await message(receiver, await sandbox.writes(phone, type="revoke"))
    assert told["revoke"] == {"original_message_id": said}
    told = await message(receiver, await sandbox.writes(phone, type="reaction", text="❤"))
    assert told["reaction"] == {"message_id": got, "emoji": "❤"}


@pytest.mark.parametrize("kind", ["button", "interactive", "reaction", "edit", "revoke"])
async def test_what_refers_to_nothing_is_a_conflict(sandbox: Sandbox, phone: str, kind: str) -> None:
    body = {"type": kind, "phone_number_id": NUMBER}
    async with sandbox.session.post(f"{sandbox.url}/_sandbox/people/{phone}/messages", json=body) as answer:
        assert answer.status == 409


@pytest.mark.parametrize("wrong", [{}, {"text": ""}, {"type": "song"}, {"text": "a", "colour": 1}, {"text": 5}])
async def test_what_nobody_can_say_is_refused(sandbox: Sandbox, phone: str, wrong: object) -> None:
    async with sandbox.session.post(f"{sandbox.url}/_sandbox/people/{phone}/messages", json=wrong) as answer:
        assert answer.status == 422


async def test_a_crowd_writes_in_one_post(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, receiver = own_stand
    await sandbox.start(RULES__WINDOW="true")
    crowd = {"n": 1000, "phone_number_id": NUMBER, "per_value": 100, "first_phone": "79996000000"}

    told = await sandbox.control("POST", "webhooks:burst", crowd)
    assert told["status"] == 200
    [body] = receiver.bodies
    assert len(body) == told["bytes"]
    changes = json.loads(body)["entry"][0]["changes"]
    assert [len(change["value"]["messages"]) for change in changes] == [100] * 10
    assert [m["id"] for change in changes for m in change["value"]["messages"]] == told["wamids"]
    assert all(len(change["value"]["contacts"]) == 100 for change in changes)
    await sandbox.send_text("79996000999")


async def test_a_post_never_exceeds_three_megabytes(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, receiver = own_stand
    await sandbox.start(WEBHOOK__BATCH_MAX="1000", WEBHOOK__LANES="1")
    crowd = {"n": 1000, "phone_number_id": NUMBER, "text": "я" * 4096}
    assert (await sandbox.control("POST", "webhooks:burst", crowd))["status"] == 0
    receiver.status = 503
    for _ in range(20):
        await sandbox.writes("79110000001", text="first")
    big = {"type": "order", "order": {"text": "x" * 60_000}}
    for _ in range(80):
        await sandbox.writes("79110000001", **big)
    receiver.status = 200

    await until(lambda: len(receiver.messages("79110000001")) == 100)
    assert max(map(len, receiver.bodies + receiver.refused)) <= 3 << 20


@pytest.mark.parametrize("signature", ["wrong", "missing", "malformed"])
async def test_a_forger_is_shown_the_answer(sandbox: Sandbox, receiver: Receiver, signature: str) -> None:
    answer = await sandbox.control("POST", "webhooks:forge", {"phone_number_id": NUMBER, "signature": signature})

    assert answer == {"status": 401}
    assert b"forged" in receiver.forged[-1]


async def test_the_business_reads_what_was_written_before_too(sandbox: Sandbox, phone: str) -> None:
    wamids = [await sandbox.writes(phone, text=str(n)) for n in range(3)]
    await sandbox.post({"messaging_product": "whatsapp", "status": "read", "message_id": wamids[1]})

    view = await sandbox.control("GET", f"phones/{phone}/data")
    assert [one["status"] for one in view["conversations"][0]["bubbles"]] == ["read", "read", "sent"]
