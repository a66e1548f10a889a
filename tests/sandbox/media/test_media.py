"""Media at Meta's door."""

import hashlib

import pytest

from services.sandbox.media import samples
from tests.sandbox.stand import NUMBER, Receiver, Sandbox, message_to, until

PICTURE = samples.png("test")


async def fetch(sandbox: Sandbox, url: str, *, token: str = "key") -> tuple[int, bytes, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with sandbox.session.get(url, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers.get("Content-Type", "")


async def test_an_upload_is_looked_up_downloaded_sent_and_deleted(sandbox: Sandbox, phone: str) -> None:
    status, answer = await sandbox.upload(PICTURE, "image/png")
    assert status == 200
    found = answer["id"]

    status, facts = await sandbox.graph("GET", f"{found}?phone_number_id={NUMBER}")
    assert status == 200
    assert facts["sha256"] == hashlib.sha256(PICTURE).hexdigest()
    assert (facts["file_size"], facts["mime_type"]) == (str(len(PICTURE)), "image/png")
    assert (await fetch(sandbox, facts["url"]))[:2] == (200, PICTURE)
    assert (await sandbox.post(message_to(phone, "image", {"id": found})))[0] == 200

    assert await sandbox.graph("DELETE", found) == (200, {"success": True})
    assert (await sandbox.graph("GET", found))[1]["error"]["error_subcode"] == 33
    assert (await sandbox.post(message_to(phone, "image", {"id": found})))[1]["error"]["code"] == 131009


async def test_the_address_wants_a_token_and_cannot_be_made_up(sandbox: Sandbox) -> None:
    found = (await sandbox.upload(PICTURE, "image/png"))[1]["id"]
    url = (await sandbox.graph("GET", found))[1]["url"]

    assert (await fetch(sandbox, url, token=""))[0] == 401
    assert (await fetch(sandbox, url.replace("hash=", "hash=A")))[0] == 404
    assert (await fetch(sandbox, url.replace("ext=", "ext=9")))[0] == 404


async def test_an_address_ends_and_a_new_one_works_also_after_a_restart(
    own_stand: tuple[Sandbox, Receiver],
) -> None:
    sandbox, _ = own_stand
    await sandbox.start(MEDIA__URL_SECONDS="0.001")
    found = (await sandbox.upload(PICTURE, "image/png"))[1]["id"]
    assert (await fetch(sandbox, (await sandbox.graph("GET", found))[1]["url"]))[0] == 404
    await sandbox.stop()
    await sandbox.start(MEDIA__URL_SECONDS="60")
    assert (await fetch(sandbox, (await sandbox.graph("GET", found))[1]["url"]))[1] == PICTURE


async def test_another_numbers_medium_cannot_be_sent(sandbox: Sandbox, phone: str) -> None:
    found = (await sandbox.upload(PICTURE, "image/png", number="42"))[1]["id"]

    assert (await sandbox.post(message_to(phone, "image", {"id": found})))[1]["error"]["code"] == 131009
    assert (await sandbox.graph("GET", f"{found}?phone_number_id={NUMBER}"))[0] == 400


async def test_a_picture_is_no_film(sandbox: Sandbox, phone: str) -> None:
    found = (await sandbox.upload(PICTURE, "image/png"))[1]["id"]

    assert (await sandbox.post(message_to(phone, "video", {"id": found})))[1]["error"]["code"] == 131053


@pytest.mark.parametrize(
    ("content", "mime_type", "code"),
    [
        (b"<html>", "text/html", 100),
        (b"", "image/png", 131053),
        (b"x" * ((5 << 20) + 1), "image/png", 131053),
        (b"x" * (501 * 1024), "image/webp", 131053),
    ],
)
async def test_types_and_sizes_are_metas(sandbox: Sandbox, content: bytes, mime_type: str, code: int) -> None:
    status, answer = await sandbox.upload(content, mime_type)

    assert (status, answer["error"]["code"]) == (400, code)


async def test_a_document_may_be_large(sandbox: Sandbox) -> None:
    assert (await sandbox.upload(b"%PDF" + b"x" * (20 << 20), "application/pdf"))[0] == 200


async def test_an_upload_without_a_file_or_a_form_is_refused(sandbox: Sandbox) -> None:
    for more in ({"data": b"nonsense"}, {"data": {"messaging_product": "whatsapp", "file": "text"}}):
        status, answer = await sandbox.graph("POST", f"{NUMBER}/media", **more)
        assert (status, answer["error"]["code"]) == (400, 100)
    assert (await sandbox.graph("POST", f"{NUMBER}/media", token="", data=b""))[0] == 401


async def test_what_a_person_sends_can_be_downloaded(sandbox: Sandbox, receiver: Receiver, phone: str) -> None:
    for kind in ("image", "audio", "document", "sticker", "video"):
        await sandbox.writes(phone, type=kind, voice=kind == "audio")

    messages = await until(lambda: receiver.messages(phone) if len(receiver.messages(phone)) == 5 else [])
    for message in messages:
        content = message[message["type"]]
        status, facts = await sandbox.graph("GET", content["id"])
        assert status == 200
        for url in (content["url"], facts["url"]):
            status, body, _ = await fetch(sandbox, url)
            assert (status, hashlib.sha256(body).hexdigest()) == (200, content["sha256"])


async def test_the_library_keeps_to_its_room(own_stand: tuple[Sandbox, Receiver]) -> None:
    sandbox, _ = own_stand
    await sandbox.start(MEDIA__TOTAL_MAX_BYTES=str(3 << 20))
    ids = [(await sandbox.upload(b"x" * (1 << 20), "application/pdf"))[1]["id"] for _ in range(4)]

    assert [(await sandbox.graph("GET", found))[0] for found in ids] == [400, 200, 200, 200]
    folder = sandbox.file.with_name(f"{sandbox.file.name}.media")
    assert sum(file.stat().st_size for file in folder.glob("*.bytes")) <= 3 << 20
