"""An endpoint is slow, fails and refuses as it is told, and notes each value that it saw."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.chaos.load.book import Book
from tests.chaos.load.endpoint import Endpoint
from tests.chaos.load.journal import Journal

KEY = b"0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
VALUES = [{"event_id": "e1", "statuses": [{"id": "m1", "status": "read"}]}, {"event_id": "e2", "messages": []}]
BODY = json.dumps({"entry": [{"changes": [{"value": value} for value in VALUES]}]}).encode()


@asynccontextmanager
async def _open(path: Path, book: Book) -> AsyncIterator[Endpoint]:
    log = Journal(path)
    endpoint = Endpoint("slow", SECRET, log, book)
    await endpoint.set("healthy")
    try:
        yield endpoint
    finally:
        await endpoint.stop()
        await log.close()


async def _post(http: aiohttp.ClientSession, url: str, body: bytes = BODY, *, key: bytes = KEY) -> int:
    standard = hmac.digest(key, b"d1.1700000000." + BODY, hashlib.sha256)
    headers = {
        "webhook-id": "d1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": "v1," + base64.b64encode(standard).decode(),
        "X-Hub-Signature-256": "sha256=" + hmac.digest(SECRET.encode(), body, hashlib.sha256).hex(),
    }
    async with http.post(url, data=body, headers=headers) as answer:
        return answer.status


async def test_each_value_is_a_line_and_only_what_was_answered_200_counts(tmp_path: Path) -> None:
    path, book = tmp_path / "callbacks.jsonl", Book(["big"])
    async with aiohttp.ClientSession() as http, _open(path, book) as endpoint:
        await endpoint.set("failing")
        assert await _post(http, endpoint.url) == 500
        assert book.settled == set()
        await endpoint.set("healthy")
        assert await _post(http, endpoint.url) == 200
        assert book.settled == {"m1"}
        assert await _post(http, endpoint.url, key=b"another key") == 401
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["answered"], row.get("event_id")) for row in rows] == [
        (500, "e1"), (500, "e2"), (200, "e1"), (200, "e2"), (401, None),
    ]  # fmt: skip
    assert (rows[0]["tenant"], rows[0]["delivery"], rows[0]["value"]) == ("slow", "d1", VALUES[0])
    assert rows[-1]["forged"]


async def test_a_refusing_endpoint_cuts_what_is_open_and_keeps_its_port(tmp_path: Path) -> None:
    book = Book(["big"])
    async with aiohttp.ClientSession() as http, _open(tmp_path / "callbacks.jsonl", book) as endpoint:
        url = endpoint.url
        assert await _post(http, url) == 200
        await endpoint.set("refusing")
        for _ in range(3):
            with pytest.raises(aiohttp.ClientConnectionError):
                await _post(http, url)
        await endpoint.set("healthy")
        assert endpoint.url == url
        assert await _post(http, url) == 200


async def test_a_slow_endpoint_notes_when_a_delivery_came(tmp_path: Path) -> None:
    path = tmp_path / "callbacks.jsonl"
    async with aiohttp.ClientSession() as http, _open(path, Book(["big"])) as endpoint:
        endpoint.delay_seconds = 0.3
        assert await _post(http, endpoint.url) == 200
        await endpoint.heal()
        assert await _post(http, endpoint.url) == 200
    ats = [json.loads(line)["at"] for line in path.read_text().splitlines()]
    assert ats[2] - ats[0] >= 0.25
