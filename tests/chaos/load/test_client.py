"""A client notes every try before it is made, and repeats under its key until it knows."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.chaos.load import client as clients
from tests.chaos.load.book import Book
from tests.chaos.load.client import Client, Wish, read
from tests.chaos.load.door import open_door
from tests.chaos.load.journal import Journal


async def _accept(_request: web.Request) -> web.Response:
    return web.json_response({"messages": [{"id": "0199-one"}]})


async def _busy(_request: web.Request) -> web.Response:
    return web.json_response({"error": {"code": 131016}}, status=503)


async def _refuse(_request: web.Request) -> web.Response:
    return web.json_response({"error": {"code": 131009}}, status=400)


async def _hang(_request: web.Request) -> web.Response:
    await asyncio.sleep(30)
    return web.Response()


async def _reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def test_what_was_not_answered_is_repeated_under_the_same_key_and_each_try_is_in_the_log_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "HASTY_SECONDS", 0.2)
    path, book, handlers = tmp_path / "clients.jsonl", Book(["big"]), iter((_reset, _hang, _busy, _accept))
    posted_before: list[int] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        posted_before.append(sum(row["kind"] == "posted" for row in _rows(path)))
        return await next(handlers)(request)

    log = Journal(path, is_synced=True)
    async with open_door(answer) as door:
        assert await Client("big", door.tenant, log, book).send(_wish("key-1")) == "0199-one"
    await log.close()
    assert door.keys == ["key-1"] * 4
    assert posted_before == [1, 2, 3, 4]
    _check_log(list(_rows(path)))
    assert list(book.answered) == ["0199-one"]


def _check_log(rows: list[dict[str, Any]]) -> None:
    posted = [row for row in rows if row["kind"] == "posted"]
    others = [row for row in rows if row["kind"] != "posted"]
    assert len({row["try"] for row in posted}) == 4
    assert (posted[0]["tenant"], posted[0]["key"], posted[0]["form"]) == ("big", "key-1", "template")
    assert [row["kind"] for row in others] == ["unanswered", "unanswered", "answered", "answered"]
    assert (others[1]["error"], others[2]["status"], others[3]["status"]) == ("TimeoutError", 503, 200)
    assert [row["try"] for row in others] == [row["try"] for row in posted]
    assert (others[2]["code"], others[3]["message_id"]) == (131016, "0199-one")


async def test_without_a_key_nothing_is_repeated_and_a_refusal_is_final(tmp_path: Path) -> None:
    path, book = tmp_path / "clients.jsonl", Book(["big"])
    log = Journal(path)
    async with open_door(_busy, _refuse) as door:
        client = Client("big", door.tenant, log, book)
        assert await client.send(_wish(None)) is None
        assert await client.send(_wish("key-1")) is None
    await log.close()
    assert door.keys == [None, "key-1"]
    assert [(row["status"], row["code"]) for row in _rows(path) if row["kind"] == "answered"] == [
        (503, 131016),
        (400, 131009),
    ]
    assert book.between == 0


def test_a_page_that_is_no_json_has_neither_id_nor_code() -> None:
    assert read(502, b"<html>") == (502, None, None)
    assert read(200, b"[]") == (200, None, None)


def _wish(key: str | None) -> Wish:
    return Wish(to="+79990000001", number="1", form="template", text="Анна", key=key, is_hasty=True)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text().splitlines():
        yield json.loads(line)
