"""A mailer uses keys again on purpose, and where it has none it posts once."""

import asyncio
import random
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import web

from tests.chaos.load import mailer
from tests.chaos.load.book import Book
from tests.chaos.load.cast import PARTS, Member
from tests.chaos.load.client import Client
from tests.chaos.load.door import Door, open_door
from tests.chaos.load.endpoint import Endpoint
from tests.chaos.load.journal import Journal
from tests.chaos.load.people import People, Person
from tests.e2e.harness.sandbox import Sandbox

SECONDS, PER_SECOND = 0.8, 300.0


@pytest.fixture(autouse=True)
def _soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailer, "LATER_SECONDS", 0.1)


async def _mailed(tmp_path: Path, name: str) -> Door:
    async def accept(_request: web.Request) -> web.Response:
        return web.json_response({"messages": [{"id": str(uuid4())}]})

    log, book = Journal(tmp_path / "clients.jsonl"), Book([name])
    async with open_door(accept) as door:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(SECONDS, stop.set)
        await mailer.mail(_member(door, name, log, book), stop)
    await log.close()
    return door


def _member(door: Door, name: str, log: Journal, book: Book) -> Member:
    tenant = door.tenant
    return Member(
        part=next(part for part in PARTS if part.name == name),
        tenant=tenant,
        numbers=["1"],
        endpoint=Endpoint(name, tenant.callback_secret, log, book),
        url="",
        client=Client(name, tenant, log, book),
        people=People(name, tenant, Sandbox(tenant.http, ""), log, book),
        chance=random.Random(7),
        per_second=PER_SECOND,
        persons=[Person(f"+7999000000{digit}", "1") for digit in range(10)],
    )


async def test_the_largest_tenant_always_has_keys_and_uses_a_tenth_of_them_twice(tmp_path: Path) -> None:
    posts = Counter((await _mailed(tmp_path, "big")).keys)
    assert None not in posts
    assert set(posts.values()) == {1, 2}
    assert 0.05 < sum(count == 2 for count in posts.values()) / len(posts) < 0.15


async def test_others_post_some_without_a_key_once_each_and_to_everybody_in_turn(tmp_path: Path) -> None:
    door = await _mailed(tmp_path, "slow")
    assert 0.1 < door.keys.count(None) / len(door.keys) < 0.3
    keyless = [
        body["template"]["components"][0]["parameters"][0]["text"]
        for key, body in zip(door.keys, door.bodies, strict=True)
        if key is None
    ]
    assert len(set(keyless)) == len(keyless)
    assert len({body["to"] for body in door.bodies}) == 10
