"""Size and abuse: whatever one client sends, it gets a clear refusal, memory stays bounded, and others go on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.e2e.conftest import MakeTenant, World
from tests.e2e.harness.rough import MEGABYTE, Rough, memory_bytes, request
from tests.e2e.harness.tenants import GRAPH_VERSION, Tenant, template_body, text_body
from tests.e2e.harness.waiting import eventually

PERSON = "+79161234567"
BIG = b'{"messaging_product":"whatsapp","text":{"body":"' + b"x" * (10 * MEGABYTE) + b'"}}'
GROWTH_MEGABYTES_MAX = 60
TEXTS = {
    "emoji of several code points": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇷🇺",
    "right to left": "مرحبا שלום \u200f123\u200e",
    "combining marks": "é ё й ́́́",
    "the edges of Unicode": "\u0001\ufffd\U0010ffff",
    "a line separator": "один\u2028два\nтри\tчетыре",
}
ODD: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "UTF-16": (json.dumps(text_body(PERSON, "да")).encode("utf-16"), (400,)),
    "Windows-1251": (json.dumps(text_body(PERSON, "да"), ensure_ascii=False).encode("cp1251"), (400,)),
    "half a surrogate pair": (b'{"messaging_product":"whatsapp","to":"%s","text":{"body":"\\ud83d"}}', (400,)),
    "nested arrays": (b"[" * 50_000 + b"]" * 50_000, (400, 413)),
    "nested objects in a template": (
        b'{"messaging_product":"whatsapp","to":"+79161234567","type":"template","template":{"name":"a","language":'
        b'{"code":"ru"},"components":[{"type":"body","parameters":['
        + b'{"a":' * 5_000
        + b"1"
        + b"}" * 5_000
        + b"]}]}}",
        (400, 413),
    ),
    "NaN": (b'{"messaging_product":"whatsapp","to":NaN}', (400,)),
    "an endless number": (b'{"messaging_product":"whatsapp","to":' + b"9" * 5_000 + b"}", (400,)),
    "a NUL": (b'{"messaging_product":"whatsapp","to":"+79161234567","text":{"body":"\\u0000"}}', (400,)),
}


@pytest.fixture
async def neighbour(make_tenant: MakeTenant) -> Tenant:
    """Another tenant, who has nothing to do with all this."""
    return await make_tenant()


@asynccontextmanager
async def going_on(neighbour: Tenant, sends: int = 20) -> AsyncIterator[None]:
    """While something bad happens, every send of the neighbour is taken and delivered."""
    person = await neighbour.new_person()
    posting = asyncio.gather(*(neighbour.post(template_body(person, str(n))) for n in range(sends)))
    yield
    answers = await posting
    assert [answer.status for answer in answers] == [200] * sends
    await neighbour.wait_events(answers[0].message_id, frozenset({"delivered"}))


async def test_bodies_of_ten_megabytes_are_refused_and_not_remembered(
    world: World, tenant: Tenant, neighbour: Tenant
) -> None:
    door = Rough(tenant.gateway)
    path = f"/{GRAPH_VERSION}/{tenant.phone_number_id}/messages"
    whole = request(path, key=tenant.api_key, body=BIG)
    before = memory_bytes(world.stack, "gateway-api")
    async with going_on(neighbour):
        for _ in range(3):
            answers = await asyncio.gather(*(door.say(whole) for _ in range(10)))
            assert all(answer[:12] in (b"HTTP/1.1 413", b"reset") for answer in answers), answers[0][:200]
    assert memory_bytes(world.stack, "gateway-api") - before < GROWTH_MEGABYTES_MAX * MEGABYTE


async def test_a_body_without_a_declared_length_is_refused_where_the_limit_is(tenant: Tenant) -> None:
    head = request(f"/{GRAPH_VERSION}/{tenant.phone_number_id}/messages", key=tenant.api_key).replace(
        b"Content-Length: 0", b"Transfer-Encoding: chunked"
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = await Rough(tenant.gateway).say(head, *([chunk] * 20))
    assert answer[:12] in (b"HTTP/1.1 413", b"reset")


@pytest.mark.parametrize("path", ["/v1/messages:batch", "/v1/consents", "/v1/callbacks", "/v1/api-keys"])
async def test_every_other_door_has_its_limit_too(tenant: Tenant, path: str) -> None:
    answer = await Rough(tenant.gateway).say(request(path, key=tenant.api_key, body=BIG))
    assert answer[:12] in (b"HTTP/1.1 413", b"reset")


@pytest.mark.parametrize("name", ODD)
async def test_odd_json_is_refused_in_words(tenant: Tenant, name: str) -> None:
    body, statuses = ODD[name]
    answer = await tenant.post(body.replace(b"%s", PERSON.encode()))
    assert answer.status in statuses, answer.body
    assert answer.body["error"]["error_data"]["details"]


async def test_a_key_that_stands_twice_in_a_body_is_taken_the_same_way_everywhere(world: World, tenant: Tenant) -> None:
    """Whoever checks and whoever sends must not read two different recipients."""
    allowed, other = await tenant.new_person(), "+79991234567"
    body = json.dumps(template_body(allowed, "Анна"))
    answer = await tenant.post(body.replace('"to":', f'"to": "{other}", "to":').encode())
    if answer.status == 200:
        await tenant.wait_events(answer.message_id, frozenset({"delivered"}))
        assert [send["to"] for send in await world.sandbox.sends(answer.message_id)] == [allowed]
    assert not await world.sandbox.sends_to(other)


@pytest.mark.parametrize("name", TEXTS)
async def test_every_letter_arrives_as_it_was_written(world: World, tenant: Tenant, name: str) -> None:
    person = await tenant.new_person()
    await world.sandbox.write(person, TEXTS[name], tenant.phone_number_id)
    await eventually(lambda: tenant.callbacks.messages(TEXTS[name]))
    answered = await tenant.send_text(person, TEXTS[name])
    await tenant.wait_events(answered, frozenset({"delivered"}))
    inbox: list[dict[str, Any]] = (await world.sandbox.person(person))["inbox"]
    assert [message["text"] for message in inbox] == [TEXTS[name]]


async def test_floods_of_headers_are_refused(tenant: Tenant, neighbour: Tenant) -> None:
    flood = [b"X-Header-%d: %s" % (number, b"a" * 100) for number in range(1_000)]
    sent = request("/v1/messages:batch", key=tenant.api_key, headers=flood)
    async with going_on(neighbour):
        answers = await asyncio.gather(*(Rough(tenant.gateway).say(sent) for _ in range(20)))
    assert all(answer[:12] in (b"HTTP/1.1 431", b"reset") for answer in answers), answers[0][:200]
    assert any(b"bytes of headers" in answer for answer in answers)


async def test_a_thousand_idle_connections_and_slow_senders_hold_nobody_up(
    world: World, tenant: Tenant, neighbour: Tenant
) -> None:
    before = memory_bytes(world.stack, "gateway-api")
    path = f"/{GRAPH_VERSION}/{tenant.phone_number_id}/messages"
    half = request(path, key=tenant.api_key, body=b"{" * 1_000)[:-900]
    gateway, webhook = Rough(tenant.gateway), Rough(world.stack.url("webhook"))
    async with gateway.idle(1_000), gateway.idle(200, first_words=half), webhook.idle(300), going_on(neighbour):
        pass
    assert memory_bytes(world.stack, "gateway-api") - before < GROWTH_MEGABYTES_MAX * MEGABYTE


async def test_whoever_sends_a_body_byte_by_byte_is_told_to_hurry(tenant: Tenant) -> None:
    sent = request(f"/{GRAPH_VERSION}/{tenant.phone_number_id}/messages", key=tenant.api_key, body=b" " * 500)
    answer = await Rough(tenant.gateway).say(sent[:-499], *([b" "] * 12), pause_seconds=1.0)
    assert answer[:12] == b"HTTP/1.1 408", answer[:200]
