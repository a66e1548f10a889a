"""A check before consent and billing come in: who may ask, what is no check, what the door itself refuses."""

import json
from typing import Any

import pytest

from services.kernel.kafka.record import decode
from tests.gateway.stand import Gateway, Tenant, Topic, template, text

PATH = "/v1/messages:check"


async def check(gateway: Gateway, tenant: Tenant, message: Any, *, phone_number_id: str | None = None) -> Any:
    body = {"phone_number_id": phone_number_id or tenant.phone_number_id, "message": message}
    return await gateway.ask("POST", PATH, key=tenant.api_key, json=body)


async def test_a_check_without_a_key_is_a_401(gateway: Gateway) -> None:
    answer = await gateway.ask("POST", PATH, json={})
    assert (answer.status, answer.json()["title"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    "message",
    [
        template(),
        template("58", name="no_such"),
        text(to="Иван"),
        text(max_price="six"),
        text(context={"message_id": "01890a5d-ac96-774b-bcce-b302099a8057"}),
        text() | {"messaging_product": "sms"},
        {"messaging_product": "whatsapp", "status": "read", "message_id": "x"},
        [],
        None,
    ],
)
async def test_what_the_door_refuses_a_check_refuses_with_the_same_code_and_words(
    gateway: Gateway, tenant: Tenant, message: Any
) -> None:
    sent = await gateway.send(tenant, message)
    answer = await check(gateway, tenant, message)
    assert answer.status == 200
    error = answer.json()["error"]
    assert (answer.json()["allowed"], error["reason"]) == (False, "invalid")
    if isinstance(message, dict) and "status" not in message:
        assert error["code"] == sent.error["code"]
        assert error["text"] == sent.error["error_data"]["details"]


async def test_a_key_that_stands_twice_in_the_message_is_seen(gateway: Gateway, tenant: Tenant) -> None:
    message = '{"messaging_product":"whatsapp","to":"+79161234567","to":"+79161234568","text":{"body":"x"}}'
    raw = f'{{"phone_number_id":"{tenant.phone_number_id}","message":{message}}}'
    answer = await gateway.ask("POST", PATH, key=tenant.api_key, data=raw.encode())
    assert answer.json()["error"]["text"] == "to: the key stands twice in one object; send it once."


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b"null", b'{"message": {}}', b'{"phone_number_id": "1"}'])
async def test_what_is_no_check_is_a_422_that_says_why(gateway: Gateway, tenant: Tenant, raw: bytes) -> None:
    answer = await gateway.ask("POST", PATH, key=tenant.api_key, data=raw)
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["detail"]


async def test_another_tenants_number_is_a_number_that_does_not_exist(
    gateway: Gateway, tenant: Tenant, other_tenant: Tenant
) -> None:
    theirs = await check(gateway, tenant, text(), phone_number_id=other_tenant.phone_number_id)
    none = await check(gateway, tenant, text(), phone_number_id="100000000000001")
    assert theirs.body == none.body
    assert theirs.json()["error"]["code"] == 100


async def test_without_the_owners_a_sound_message_has_no_answer_yet_and_nothing_is_published(
    gateway: Gateway, tenant: Tenant, messages: Topic
) -> None:
    answer = await check(gateway, tenant, template("58"))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert json.loads(answer.body)["title"] == "unavailable"
    published = [decode(record.headers, record.value) for record in await messages.read()]
    assert [fact for fact in published if fact.tenant_id == tenant.id] == []
