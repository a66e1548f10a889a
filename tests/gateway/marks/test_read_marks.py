"""A read mark is looked up and passed to Meta at once, and answered in Meta's exact shape."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from services.kernel.db import Database
from tests.gateway.references.chat import Chat
from tests.gateway.stand import AnotherGateway, Gateway, Tenant
from tests.gateway.upstream import meta as upstream
from tests.gateway.upstream.meta import Meta

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
async def meta() -> AsyncIterator[Meta]:
    async with upstream.running() as meta:
        meta.answers({"success": True})
        yield meta


@pytest.fixture
async def process(another_gateway: AnotherGateway, meta: Meta) -> AsyncIterator[Gateway]:
    urls = dict.fromkeys(("consent", "billing", "sandbox", "public"), NOWHERE) | {"graph": meta.url}
    async with another_gateway(urls=urls) as process:
        yield process


@pytest.fixture
def chat(process: Gateway, gateway_database: Database, tenant: Tenant) -> Chat:
    return Chat(gateway_database, process.app.state.keyring, tenant)


def mark(message_id: object, **more: Any) -> dict[str, Any]:
    return {"messaging_product": "whatsapp", "status": "read", "message_id": str(message_id), **more}


async def test_a_read_mark_reaches_meta_under_its_own_id(
    process: Gateway, tenant: Tenant, chat: Chat, meta: Meta
) -> None:
    theirs = await chat.written("wamid.THEIRS")
    answer = await process.send(tenant, mark(theirs))
    assert (answer.status, answer.json()) == (200, {"success": True})
    typing = await process.send(tenant, mark(theirs, typing_indicator={"type": "text"}))
    assert typing.json() == {"success": True}
    plain = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.THEIRS"}
    assert [json.loads(asked.body) for asked in meta.asked] == [plain, plain | {"typing_indicator": {"type": "text"}}]
    for asked in meta.asked:
        assert (asked.method, asked.path.split("/", 2)[2]) == ("POST", f"{tenant.phone_number_id}/messages")
        assert asked.authorization is not None


async def test_only_what_a_person_wrote_to_this_number_can_be_read(
    process: Gateway, tenant: Tenant, other_tenant: Tenant, chat: Chat, meta: Meta
) -> None:
    strangers = Chat(process.app.state.database, process.app.state.keyring, other_tenant)
    for id_ in (await strangers.written("wamid.A"), await chat.sent("wamid.B"), uuid4(), "wamid.HBgL"):
        answer = await process.send(tenant, mark(id_))
        assert answer.status == 400
        assert answer.error["code"] == 131009
        assert answer.error["error_data"]["details"] == (
            "message_id: there is no such message at this number: give the id of a message from a callback."
        )
    assert meta.asked == []


async def test_meta_away_is_a_503_and_metas_refusal_is_passed_on(
    process: Gateway, gateway: Gateway, tenant: Tenant, chat: Chat, meta: Meta
) -> None:
    theirs = await chat.written("wamid.LATER")
    away = await gateway.send(tenant, mark(theirs))  # the upstream of this process does not exist
    assert (away.status, away.error["code"], away.headers["Retry-After"]) == (503, 2, "1")
    meta.answers({"error": {"code": 131009, "message": "(#131009) x", "error_data": {"details": "Too old"}}}, 400)
    answer = await process.send(tenant, mark(theirs))
    assert (answer.status, answer.error["code"]) == (400, 131009)
    assert answer.error["error_data"]["details"] == "Too old"


async def test_another_tenants_number_does_not_exist_for_read_marks(
    process: Gateway, tenant: Tenant, other_tenant: Tenant, chat: Chat
) -> None:
    theirs = await chat.written("wamid.WALL")
    answer = await process.ask("POST", other_tenant.path, key=tenant.api_key, json=mark(theirs))
    assert (answer.status, answer.error["code"], answer.error["error_subcode"]) == (400, 100, 33)
