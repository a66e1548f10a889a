"""What no tenant can be given is kept under seal, and the rest of the webhook goes on."""

import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.kernel import crypto
from services.kernel.db import Database
from services.webhook.quarantine.service import seal_context
from tests.webhook import meta
from tests.webhook.door import Boxes, Door, Tenant, Topics


class Shelf:
    """The rows that were added during one test."""

    def __init__(self, database: Database, boxes: Boxes) -> None:
        self._database = database
        self._boxes = boxes
        self.before: set[object] = set()

    async def rows(self) -> list[Any]:
        async with self._database.transaction() as connection:
            found = await connection.execute(text("select * from quarantine order by id"))
            return [row for row in found if row.id not in self.before]

    async def opened(self) -> list[bytes]:
        key = self._boxes.platform[0]
        return [crypto.open_box(key, seal_context(row.id), row.content) for row in await self.rows()]


@pytest.fixture
async def shelf(database: Database, boxes: Boxes) -> Shelf:
    shelf = Shelf(database, boxes)
    shelf.before = {row.id for row in await shelf.rows()}
    return shelf


async def test_an_unknown_number_is_kept_under_the_platforms_seal(door: Door, topics: Topics, shelf: Shelf) -> None:
    body = meta.example("inbound_text", phone_number_id="555000111", wamid=meta.new_wamid())
    assert await door.post(body) == 200
    [row] = await shelf.rows()
    assert (row.reason, row.phone_number_id) == ("unknown_number", "555000111")
    assert "антоновкой".encode() not in row.content
    [content] = await shelf.opened()
    assert json.loads(content) == json.loads(body)
    assert [record for record in await topics.read() if b"555000111" in record.value] == []


async def test_a_known_number_beside_an_unknown_one_goes_on(
    door: Door, topics: Topics, shelf: Shelf, tenant: Tenant
) -> None:
    one, other = meta.new_wamid(), meta.new_wamid()
    changes = [
        {"field": "messages", "value": meta.about("555000222", statuses=[meta.status(one)])},
        {"field": "messages", "value": meta.about(tenant.phone_number_id, statuses=[meta.status(other)])},
    ]
    body = json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()
    assert await door.post(body) == 200
    assert [row.phone_number_id for row in await shelf.rows()] == ["555000222"]
    assert len(await topics.facts_of(tenant)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b'{"object": 1}',
        b'{"object":"whatsapp_business_account","entry":7}',
        b'{"object":"whatsapp_business_account","entry":[{"changes":[{"field":"\xff"}]}]}',
        b'{"object":"whatsapp_business_account","entry":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
async def test_a_signed_body_that_cannot_be_read_is_kept_whole(door: Door, shelf: Shelf, body: bytes) -> None:
    assert await door.post(body) == 200
    assert await shelf.opened() == [body]
    assert [row.reason for row in await shelf.rows()] == ["malformed"]


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        {"statuses": [meta.status("wamid.1")]},
        {"metadata": {"phone_number_id": 5}, "statuses": [meta.status("wamid.1")]},
        {"metadata": {"phone_number_id": "5"}, "statuses": 1},
    ],
)
async def test_a_value_that_cannot_be_read_is_kept(door: Door, shelf: Shelf, value: Any) -> None:
    assert await door.post(meta.webhook(value)) == 200
    assert [meta.value_of(content) for content in await shelf.opened()] == [value]


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "wamid.1"},
        {"id": "", "status": "sent", "timestamp": "1795360020"},
        {"id": "wamid.1", "status": "sent", "timestamp": "soon"},
        {"id": "wamid.1", "status": "sent", "timestamp": "99999999999999999999"},
        {"id": "wamid.1", "status": "failed", "timestamp": "1795360020", "errors": "many"},
        "text",
    ],
)
async def test_one_unreadable_status_does_not_hold_up_its_neighbours(
    door: Door, topics: Topics, shelf: Shelf, tenant: Tenant, broken: Any
) -> None:
    statuses = [meta.status(meta.new_wamid()), broken, meta.status(meta.new_wamid())]
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, statuses=statuses))) == 200
    assert len(await topics.facts_of(tenant)) == 2
    assert [meta.value_of(content)["statuses"] for content in await shelf.opened()] == [[broken]]
    assert [row.phone_number_id for row in await shelf.rows()] == [tenant.phone_number_id]


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "wamid.1", "timestamp": "1795360020", "type": "text", "text": {"body": "from nobody"}},
        {"from": "79161234567", "timestamp": "1795360020", "type": "text"},
        {"from": "79161234567", "id": "wamid.1", "timestamp": "1795360020", "type": "text", "text": 5},
    ],
)
async def test_one_unreadable_message_does_not_hold_up_its_neighbours(
    door: Door, topics: Topics, shelf: Shelf, tenant: Tenant, broken: Any
) -> None:
    messages = [meta.text_message(meta.new_wamid(), "hello"), broken]
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, messages=messages))) == 200
    assert len(await topics.facts_of(tenant)) == 1
    assert [meta.value_of(content)["messages"] for content in await shelf.opened()] == [[broken]]


async def test_a_message_that_no_record_can_carry_is_kept(
    door: Door, topics: Topics, shelf: Shelf, tenant: Tenant
) -> None:
    large = meta.text_message(meta.new_wamid(), "a" * 300_000)
    messages = [large, meta.text_message(meta.new_wamid(), "hello")]
    assert await door.post(meta.webhook(meta.about(tenant.phone_number_id, messages=messages))) == 200
    assert len(await topics.facts_of(tenant)) == 1
    assert [row.reason for row in await shelf.rows()] == ["too_large"]
    assert [meta.value_of(content)["messages"] for content in await shelf.opened()] == [[large]]


async def test_a_number_id_that_is_none_is_not_stored_in_clear(door: Door, shelf: Shelf) -> None:
    value = meta.about("Marfa +79161234567", messages=[{"id": "wamid.1"}])
    assert await door.post(meta.webhook(value)) == 200
    assert [row.phone_number_id for row in await shelf.rows()] == [None]
    assert [meta.value_of(content) for content in await shelf.opened()] == [value]


@pytest.mark.parametrize("column", ["reason", "content", "signed_for", "phone_number_id"])
async def test_the_service_cannot_change_what_it_kept(door: Door, database: Database, column: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with database.transaction() as connection:
            await connection.execute(text(f"update quarantine set {column} = {column}"))
