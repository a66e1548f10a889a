"""The page that shows a phone."""

import asyncio
import re
from typing import Any

from services.sandbox.media import samples
from services.sandbox.phones.endpoints import FOLDER
from tests.sandbox.stand import NUMBER, PATIENCE_SECONDS, Sandbox, message_to, template_to


async def test_the_page_calls_nobody_and_runs_nothing_foreign(sandbox: Sandbox, phone: str) -> None:
    for path in ("phones", f"phones/{phone}", f"phones/%2B{phone}"):
        async with sandbox.session.get(f"{sandbox.url}/_sandbox/{path}") as answer:
            assert answer.status == 200
            policy, text = answer.headers["Content-Security-Policy"], await answer.text()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "://" not in text
        for found in re.findall(r'(?:src|href)="([^"]+)"', text):
            async with sandbox.session.get(sandbox.url + found) as part:
                assert part.status == 200, found
                assert "innerHTML" not in await part.text()


def test_both_languages_have_every_word() -> None:
    russian, english = re.findall(
        r"^  (?:ru|en): \{(.+?)^  \},", (FOLDER / "words.js").read_text(), re.MULTILINE | re.DOTALL
    )
    keys = [set(re.findall(r"(?:^|\s|,)(\w+): \"", block)) for block in (russian, english)]
    assert keys[0] == keys[1]
    used = set(re.findall(r"word\(\"(\w+)\"\)", (FOLDER / "phones.js").read_text()))
    assert used <= keys[0]


async def test_a_conversation_shows_words_buttons_ticks_and_quotes(sandbox: Sandbox, phone: str) -> None:
    components = [
        {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"},
        {"type": "BODY", "text": "Hello, {{1}}!"},
        {"type": "FOOTER", "text": "Bakery"},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Open", "url": "https://a.example"},
                                        {"type": "QUICK_REPLY", "text": "<b>Cancel</b>"}]},
    ]  # fmt: skip
    await sandbox.control("PUT", "templates/shown", {"category": "utility", "language": "ru", "components": components})
    body = template_to(phone, "<script>", name="shown")
    body["template"]["components"].append({"type": "header", "parameters": [{"type": "text", "text": "17"}]})
    _, answer = await sandbox.post(body)
    wamid = answer["messages"][0]["id"]
    await sandbox.writes(phone, type="button", reply_to=wamid)

    view = await _view_when_read(sandbox, phone)
    [talk] = view["conversations"]
    assert (talk["phone_number_id"], talk["window_open"]) == (NUMBER, True)
    first, second = talk["bubbles"]
    assert (first["header"], first["text"], first["footer"]) == ("Order 17", "Hello, <script>!", "Bakery")
    assert [(one["title"], one["press"]) for one in first["buttons"]] == [("Open", None), ("<b>Cancel</b>", 0)]
    assert (second["own"], second["text"], second["quotes"]) == (True, "<b>Cancel</b>", wamid)
    rows = (await sandbox.control("GET", "phones/data"))["phones"]
    assert {"phone": phone, "text": "<b>Cancel</b>", "type": "button", "own": True}.items() <= next(
        row.items() for row in rows if row["phone"] == phone
    )


async def _view_when_read(sandbox: Sandbox, phone: str) -> Any:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            view = await sandbox.control("GET", f"phones/{phone}/data")
            if view["conversations"][0]["bubbles"][0]["status"] == "read":
                return view


async def test_numbers_have_conversations_of_their_own(sandbox: Sandbox, phone: str) -> None:
    for number in ("71", "72"):
        await sandbox.post(message_to(phone, "text", {"body": number}), number=number)

    view = await sandbox.control("GET", f"phones/{phone}/data")
    assert [talk["phone_number_id"] for talk in view["conversations"]] == ["72", "71"]
    assert [[one["text"] for one in talk["bubbles"]] for talk in view["conversations"]] == [["72"], ["71"]]


async def test_a_file_is_shown_only_if_it_is_a_picture_a_sound_or_a_film(sandbox: Sandbox, phone: str) -> None:
    picture = (await sandbox.upload(samples.png("a"), "image/png"))[1]["id"]
    document = (await sandbox.upload(b"<script>", "text/plain"))[1]["id"]
    await sandbox.post(message_to(phone, "image", {"id": picture, "caption": "look"}))

    view = await sandbox.control("GET", f"phones/{phone}/data")
    [bubble] = view["conversations"][0]["bubbles"]
    assert (bubble["media"]["id"], bubble["text"]) == (picture, "look")
    for found, kind in ((picture, "image/png"), (document, "application/octet-stream")):
        async with sandbox.session.get(f"{sandbox.url}/_sandbox/phones/media/{found}") as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with sandbox.session.get(f"{sandbox.url}/_sandbox/phones/media/1") as answer:
        assert answer.status == 404


async def test_a_magic_phone_says_what_it_does(sandbox: Sandbox) -> None:
    view = await sandbox.control("GET", "phones/79997000033/data")

    assert view["magic"]["ru"]
    assert view["bsuid_only"] is True


async def test_the_list_names_the_last_message(sandbox: Sandbox, phone: str) -> None:
    await sandbox.send_text(phone, "first")
    await sandbox.send_text(phone, "last")

    rows = (await sandbox.control("GET", "phones/data"))["phones"]
    assert rows[0]["phone"] == phone
    assert rows[0]["text"] == "last"
