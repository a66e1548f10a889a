"""Bad input at every door gets the door's own shape of refusal, and never a 500."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.conftest import World
from tests.e2e.harness.meta import envelope, inbound
from tests.e2e.harness.tenants import Answer, Tenant, new_person, template_body, text_body
from tests.e2e.harness.waiting import eventually
from tests.e2e.harness.workers import own_worker

PERSON = "+79161234567"
TEXT = text_body(PERSON, "Здравствуйте!")
TOO_LARGE = b'{"messaging_product": "whatsapp", "text": {"body": "' + b"x" * 200_000 + b'"}}'
DEEP = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
EVIDENCE = {"source": "web_form", "text": "Да"}

# name -> (body, status, Meta's code)
GRAPH: dict[str, tuple[Any, int, int]] = {
    "nothing": (b"", 400, 100),
    "no JSON": (b"{", 400, 100),
    "not UTF-8": (b'{"to": "\xff"}', 400, 100),
    "a list": ([], 400, 100),
    "deep nesting": (DEEP[:60_000], 400, 100),
    "too large": (TOO_LARGE, 413, 100),
    "another product": ({**TEXT, "messaging_product": "sms"}, 400, 100),
    "no recipient": ({"messaging_product": "whatsapp", "type": "text", "text": {"body": "x"}}, 400, 131008),
    "no number": (text_body("Анна", "x"), 400, 100),
    "a NUL in the number": (text_body("+7916\x001234567", "x"), 400, 100),
    "a number for a number": ({**TEXT, "to": 79161234567}, 400, 100),
    "no text": ({**TEXT, "text": {}}, 400, 131008),
    "a long text": (text_body(PERSON, "я" * 4_097), 400, 100),
    "half a surrogate pair": (
        b'{"messaging_product":"whatsapp","to":"+79161234567","text":{"body":"\\ud800"}}',
        400,
        100,
    ),
    "an unknown type": ({**TEXT, "type": "hologram"}, 400, 131051),
    "a type without its content": ({**TEXT, "type": "sticker"}, 400, 131008),
    "a link to nowhere": ({**TEXT, "type": "image", "image": {"link": "nowhere"}}, 400, 131009),
    "an upload that does not exist": ({**TEXT, "type": "image", "image": {"id": "1"}}, 400, 131009),
    "a quotation of nothing": ({**TEXT, "context": {"message_id": "wamid.1"}}, 400, 131009),
    "a read mark of nothing": ({"messaging_product": "whatsapp", "status": "read", "message_id": "1"}, 400, 131009),
    "a key that stands twice": (
        b'{"messaging_product":"whatsapp","to":"+79161234567","to":"+79161234567","text":{"body":"x"}}',
        400,
        100,
    ),
    "a NUL in the text": (text_body(PERSON, "x\x00y"), 400, 100),
    "an unknown template": (template_body(PERSON, "Анна", name="no_such_template"), 404, 132001),
    "too few parameters": (template_body(PERSON), 400, 132000),
    "too many parameters": (template_body(PERSON, "Анна", "Иван"), 400, 132000),
    "a parameter without text": (template_body(PERSON, ""), 400, 131008),
    "long callback data": ({**TEXT, "biz_opaque_callback_data": "x" * 513}, 400, 100),
}

# name -> (method, path, body, status)
REST: dict[str, tuple[str, str, Any, int]] = {
    "a message that is no id": ("GET", "/v1/messages/first", None, 404),
    "a message that does not exist": ("GET", "/v1/messages/01890a5d-ac96-774b-bcce-b302099a8057", None, 404),
    "a path that does not exist": ("GET", "/v1/nothing", None, 404),
    "a method that does not exist": ("DELETE", "/v1/callback", None, 405),
    "a URL that is none": ("PUT", "/v1/callback", {"url": "somewhere"}, 422),
    "a URL of a private network": ("PUT", "/v1/callback", {"url": "https://10.0.0.1/hook"}, 422),
    "a URL with a NUL": ("PUT", "/v1/callback", {"url": "https://example.com/\x00"}, 422),
    "no URL": ("PUT", "/v1/callback", {}, 422),
    "a callback that is no JSON": ("PUT", "/v1/callback", b"{", 422),
    "a consent without evidence": ("POST", "/v1/consents", {"phone": PERSON, "purpose": "service"}, 422),
    "a consent for anything": (
        "POST",
        "/v1/consents",
        {"phone": PERSON, "purpose": "everything", "evidence": EVIDENCE},
        422,
    ),
    "a consent of no number": ("POST", "/v1/consents", {"phone": "1", "purpose": "service", "evidence": EVIDENCE}, 422),
    "a consent from the future": (
        "POST",
        "/v1/consents",
        {"phone": PERSON, "purpose": "service", "evidence": {**EVIDENCE, "given_at": "2999-01-01T00:00:00Z"}},
        422,
    ),
    "a consent that is no JSON": ("POST", "/v1/consents", b"{", 422),
    "a consent with half a surrogate pair": (
        "POST",
        "/v1/consents",
        b'{"phone":"+79161234567","purpose":"service","evidence":{"source":"web_form","text":"\\ud800"}}',
        422,
    ),
    "a large consent": ("POST", "/v1/consents", b'{"phone": "' + b"1" * 2_000_000 + b'"}', 413),
    "a withdrawal of nobody": ("POST", "/v1/consents:withdraw", {}, 422),
    "consents of nobody": ("GET", "/v1/consents", None, 422),
    "consents of a word": ("GET", "/v1/consents?phone=Anna", None, 422),
}


@pytest.fixture(scope="module")
async def shop(world: World) -> Tenant:
    """One tenant for all refusals: they leave no trace."""
    return await world.staff.open_tenant(callback=False)


@pytest.mark.parametrize("name", GRAPH)
async def test_the_graph_door_refuses_in_metas_envelope(shop: Tenant, name: str) -> None:
    body, status, code = GRAPH[name]
    answer = await shop.post(body)
    assert (answer.status, answer.code) == (status, code), answer.body
    _check_envelope(answer)


@pytest.mark.parametrize("name", REST)
async def test_the_other_routes_refuse_with_problem_details(shop: Tenant, name: str) -> None:
    method, path, body, status = REST[name]
    _check_problem(await shop.call(method, path, body), status)


async def test_a_wrong_key_is_401_in_the_shape_of_its_door(shop: Tenant) -> None:
    for key in ("", "wrong", "vk_live_" + "0" * 32 + "_" + "0" * 6, shop.api_key[:-1], f"{shop.api_key}x"):
        stranger = replace(shop, api_key=key)
        answer = await stranger.post(TEXT)
        assert (answer.status, answer.code) == (401, 190)
        _check_envelope(answer)
        _check_problem(await stranger.call("GET", "/v1/billing/balance"), 401)
        _check_problem(await stranger.call("GET", "/v1/messages/01890a5d-ac96-774b-bcce-b302099a8057"), 401)


async def test_a_number_that_is_not_ours_is_refused_like_one_that_does_not_exist(shop: Tenant) -> None:
    for number in ("1", "999999999999999", "abc", "%00", "1" * 400):
        answer = await shop.post(TEXT, phone_number_id=number)
        assert (answer.status, answer.code) == (400, 100), answer.body
        _check_envelope(answer)


async def test_a_bad_idempotency_key_is_refused(shop: Tenant) -> None:
    for key in ("x" * 256, "ключ"):
        answer = await shop.post(template_body(PERSON, "Анна"), idempotency_key=key)
        assert (answer.status, answer.code) == (400, 100), answer.body


async def test_above_its_rate_a_tenant_is_told_when_to_come_again(world: World, shop: Tenant) -> None:
    async with own_worker(world.stack, world.http, {"ACCEPT_PER_SECOND": "1"}, name="gateway-api") as door:
        hasty = replace(shop, gateway=door.url)
        answers = await asyncio.gather(*(hasty.post(template_body(new_person(), "Анна")) for _ in range(5)))
    refused = [answer for answer in answers if answer.status != 200]
    assert len(refused) >= 3
    for answer in refused:
        assert (answer.status, answer.code) == (429, 130429)
        assert int(answer.headers["Retry-After"]) >= 1
        _check_envelope(answer)


async def test_the_webhook_takes_only_what_meta_signed(world: World, shop: Tenant) -> None:
    body = json.dumps(inbound(shop.phone_number_id, "Алло", person=PERSON)).encode()
    for signature in ("", "sha256=", "sha256=" + "0" * 64, "sha1=abc", world.meta.sign(body + b" "), "ключ"):
        assert await world.meta.post(body, signature=signature) == 401
    assert await world.meta.post(b"x" * (4 << 20)) == 413
    async with world.http.get(f"{world.meta.url}?hub.mode=subscribe&hub.verify_token=guess&hub.challenge=1") as answer:
        assert answer.status == 403
    token = world.stack.facts.secrets.verify_token
    asked = f"{world.meta.url}?hub.mode=subscribe&hub.verify_token={token}&hub.challenge=1158201444"
    async with world.http.get(asked) as answer:
        assert (answer.status, await answer.text()) == (200, "1158201444")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        DEEP,
        json.dumps(envelope("1")).encode(),
        json.dumps(envelope("1", statuses=[{"id": 1}], messages="none")).encode(),
        json.dumps(envelope("\x00", statuses=[{}])).encode(),
        json.dumps(
            {"object": "whatsapp_business_account", "entry": [{"changes": [{"value": {"metadata": 7}}]}]}
        ).encode(),
    ],
    ids=lambda body: str(body[:24]),
)
async def test_what_meta_signed_and_nobody_understands_is_kept_and_answered_with_200(world: World, body: bytes) -> None:
    """Another answer would make Meta repeat it for seven days."""
    assert await world.meta.post(body) == 200


async def test_a_malformed_report_for_a_known_number_does_not_hold_up_the_good_ones(
    world: World, tenant: Tenant
) -> None:
    person = new_person()
    good = inbound(tenant.phone_number_id, "Добрый день", person=person)
    value = good["entry"][0]["changes"][0]["value"]
    broken = {
        **value,
        "statuses": [{"id": "wamid.1", "status": "delivered", "timestamp": "yesterday"}, {"status": 5}, "read"],
        "messages": [{"id": None}, 7, {**value["messages"][0], "timestamp": "99999999999999"}, value["messages"][0]],
    }
    good["entry"][0]["changes"].insert(0, {"field": "messages", "value": broken})
    assert await world.meta.post(good) == 200
    assert await world.meta.post(inbound(tenant.phone_number_id, "И ещё раз", person=person)) == 200
    await eventually(lambda: tenant.callbacks.messages("И ещё раз"))
    assert len(tenant.callbacks.messages("Добрый день")) == 1


def _check_envelope(answer: Answer) -> None:
    error = answer.body["error"]
    assert {"message", "type", "code", "fbtrace_id"} <= error.keys()
    assert error["message"].startswith(f"(#{error['code']})")
    assert error["error_data"]["details"]


def _check_problem(answer: Answer, status: int) -> None:
    assert answer.status == status, f"{answer.status}: {answer.body}"
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert {"type", "title", "status", "detail"} <= answer.body.keys()
    assert answer.body["status"] == status
