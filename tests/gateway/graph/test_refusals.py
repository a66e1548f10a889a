"""Every bad request gets Meta's envelope with a sentence that says what to do; none gets a 500."""

import json
import random
from typing import Any

import pytest

from services.gateway.graph.schemas import READERS
from tests.gateway.stand import PERSON, AnotherGateway, Gateway, Tenant, template, text

UNKNOWN_KEY = "vk_live_" + "0" * 32 + "_" + "0" * 6
JSON_HEADERS = {"Content-Type": "application/json"}


def envelope(code: int, title: str, details: str, **more: Any) -> dict[str, Any]:
    return {
        "message": f"(#{code}) {title}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": "whatsapp", "details": details},
        **more,
    }


def invalid(details: str) -> dict[str, Any]:
    return envelope(100, "Invalid parameter", details)


def missing(details: str) -> dict[str, Any]:
    return envelope(131008, "Required parameter is missing", details)


def wrong_value(details: str) -> dict[str, Any]:
    return envelope(131009, "Parameter value is not valid", details)


def unsupported(details: str) -> dict[str, Any]:
    return envelope(131051, "Unsupported message type", details)


SHOWN = "give it with its country code, like +79161234567"
NOT_JSON = invalid("The body is not valid JSON in UTF-8: send one JSON object.")
DOCUMENTED = "Send what Meta documents for messages."

BAD_REQUESTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "no product": (
        {"to": PERSON, "text": {"body": "x"}},
        invalid('messaging_product is required: set it to "whatsapp".'),
    ),
    "another product": (
        text() | {"messaging_product": "sms"},
        invalid('messaging_product is required: set it to "whatsapp".'),
    ),
    "no recipient": (
        {"messaging_product": "whatsapp", "type": "text", "text": {"body": "x"}},
        missing("to is required: the recipient's number with its country code (or recipient: a user id)."),
    ),
    "no user id": (
        {"messaging_product": "whatsapp", "recipient": "1349", "text": {"body": "x"}},
        wrong_value("recipient must be a business-scoped user id: two letters, a dot, up to 128 letters and digits."),
    ),
    "a name for a number": (text(to="Иван"), invalid(f"to: this is not a phone number: {SHOWN}")),
    "a national number": (
        text(to="8 916 123-45-67"),
        invalid(f"to: this phone number has no country code that exists: {SHOWN}"),
    ),
    "a short number": (
        text(to="+791612"),
        invalid(f"to: this phone number is too short or too long for its country: {SHOWN}"),
    ),
    "a number for a text": (
        text(to=79161234567),
        invalid(f"to: expected `str | null`, got `int`. {DOCUMENTED}"),
    ),
    "a list": ([], invalid(f"The body: expected `object`, got `array`. {DOCUMENTED}")),
    "an unknown type": (text(type="hologram"), unsupported(f"type must be one of {', '.join(READERS)}.")),
    "a group": (
        text(recipient_type="group"),
        wrong_value('recipient_type: groups are not supported; leave it out or set it to "individual".'),
    ),
    "long callback data": (
        text(biz_opaque_callback_data="x" * 513),
        invalid("biz_opaque_callback_data must be at most 512 characters long."),
    ),
    "an unknown status": (
        {"messaging_product": "whatsapp", "status": "seen", "message_id": "x"},
        wrong_value('status must be "read".'),
    ),
    "a read mark of nothing": (
        {"messaging_product": "whatsapp", "status": "read"},
        missing("message_id is required: the id of a message that you got in a callback."),
    ),
    "a key that stands twice": (
        b'{"messaging_product":"whatsapp","to":"+79161234567","to":"+79161234568","text":{"body":"x"}}',
        invalid("to: the key stands twice in one object; send it once."),
    ),
    "a key that stands twice in a dropped part": (
        b'{"messaging_product":"whatsapp","to":"+79161234567","text":{"body":"x"},"x":{"a":1,"a":2}}',
        invalid("a: the key stands twice in one object; send it once."),
    ),
    "a NUL": (
        text("x\0y"),
        invalid("The body holds a NUL character (\\u0000): no field may; remove it."),
    ),
    "a price in words": (
        text(max_price="six"),
        wrong_value('max_price must be an amount in your wallet\'s currency as a decimal string, like "6.00".'),
    ),
    "a price as a number": (
        text(max_price=6),
        invalid(f"max_price: expected `str | null`, got `int`. {DOCUMENTED}"),
    ),
    "no template": (
        {"messaging_product": "whatsapp", "to": PERSON, "type": "template"},
        missing('template is required: {"name": "...", "language": {"code": "..."}}.'),
    ),
    "a template name of another alphabet": (
        template("58", name="Заказ"),
        invalid("template.name must match '^[a-z0-9_]{1,512}$'."),
    ),
    "too few parameters": (
        template(),
        envelope(
            132000,
            "Number of parameters does not match the expected number of params",
            "body: number of localizable_params (0) does not match the expected number of params (1): "
            "send exactly 1 body parameters.",
        ),
    ),
    "too many parameters": (
        template("58", "59"),
        envelope(
            132000,
            "Number of parameters does not match the expected number of params",
            "body: number of localizable_params (2) does not match the expected number of params (1): "
            "send exactly 1 body parameters.",
        ),
    ),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_a_bad_request_is_told_what_to_do(gateway: Gateway, tenant: Tenant, name: str) -> None:
    request, expected = BAD_REQUESTS[name]
    raw = request if isinstance(request, bytes) else json.dumps(request).encode()
    answer = await gateway.ask("POST", tenant.path, key=tenant.api_key, data=raw, headers=JSON_HEADERS)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.error == expected


@pytest.mark.parametrize("changes", [{"name": "no_such"}, {"language": {"code": "en_US"}}])
async def test_a_template_that_is_not_approved_in_the_language_is_unknown(
    gateway: Gateway, tenant: Tenant, changes: dict[str, Any]
) -> None:
    answer = await gateway.send(tenant, template("58", **changes))
    name, language = changes.get("name", "order_ready"), changes.get("language", {"code": "ru"})["code"]
    assert answer.status == 404
    assert answer.error == envelope(
        132001,
        "Template name does not exist in the translation",
        f"template name ({name}) does not exist in {language}, or is not approved: use an approved template.",
    )


async def test_another_tenants_template_does_not_exist(gateway: Gateway, tenant: Tenant) -> None:
    path = f"/internal/tenants/{(await gateway.new_tenant()).id}/templates"
    theirs = {"waba_id": "100200300400", "name": "theirs", "language": "ru", "category": "marketing"}
    assert (await gateway.staff(path, theirs)).status == 201
    answer = await gateway.send(tenant, template(name="theirs", components=[]))
    assert answer.error["code"] == 132001


BAD_BODIES = {
    "nothing": b"",
    "half an object": b'{"messaging_product":',
    "no UTF-8": b'{"messaging_product":"whatsapp","to":"+79161234567","text":{"body":"\xff"}}',
    "half a surrogate pair": b'{"messaging_product":"whatsapp","to":"+79161234567","text":{"body":"\\ud800"}}',
    "a deep nest": b'{"x":' + b"[" * 60_000,
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a form": b"messaging_product=whatsapp&to=%2B79161234567",
}


@pytest.mark.parametrize("name", BAD_BODIES)
async def test_a_body_that_is_no_json_is_refused(gateway: Gateway, tenant: Tenant, name: str) -> None:
    answer = await gateway.ask("POST", tenant.path, key=tenant.api_key, data=BAD_BODIES[name], headers=JSON_HEADERS)
    assert answer.status == 400
    assert answer.error == NOT_JSON


async def test_noise_is_never_a_500(gateway: Gateway, tenant: Tenant) -> None:
    noise = random.Random(7)
    good = json.dumps(template("58")).encode()
    for _ in range(200):
        spoiled = bytearray(good)
        for _ in range(noise.randint(1, 4)):
            spoiled[noise.randrange(len(spoiled))] = noise.randrange(256)
        answer = await gateway.ask("POST", tenant.path, key=tenant.api_key, data=bytes(spoiled), headers=JSON_HEADERS)
        assert answer.status in (200, 400, 404), spoiled


@pytest.mark.parametrize("key", [None, "", "nonsense", UNKNOWN_KEY, "vk_live_\xff"])
async def test_a_missing_or_unknown_key_is_a_190(gateway: Gateway, tenant: Tenant, key: str | None) -> None:
    answer = await gateway.ask("POST", tenant.path, key=key, json=text())
    assert answer.status == 401
    assert answer.error == envelope(
        190, "Invalid OAuth access token", "Give a valid API key in the header Authorization: Bearer <your key>."
    )


async def test_a_mistyped_key_is_a_190(gateway: Gateway, tenant: Tenant) -> None:
    mistyped = tenant.api_key[:-1] + ("0" if tenant.api_key[-1] != "0" else "1")
    assert (await gateway.ask("POST", tenant.path, key=mistyped, json=text())).status == 401


async def test_another_tenants_number_is_answered_like_one_that_does_not_exist(
    gateway: Gateway, tenant: Tenant, other_tenant: Tenant
) -> None:
    async def post(phone_number_id: str) -> tuple[int, str, bytes, int]:
        path = f"/v23.0/{phone_number_id}/messages"
        answer = await gateway.ask("POST", path, key=tenant.api_key, json=text())
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in ("date", "ratelimit")}
        error = answer.json()["error"]
        trace_id = error["fbtrace_id"]
        return answer.status, json.dumps(headers), answer.body.replace(trace_id.encode(), b""), len(trace_id)

    theirs = await post(other_tenant.phone_number_id)
    assert theirs[0] == 400
    assert theirs == await post("999999999999999")
    assert theirs == await post("not-a-number")
    assert theirs == await post("%00")
    answer = await gateway.ask("POST", "/v23.0/999999999999999/messages", key=tenant.api_key, json=text())
    error = answer.error
    assert error.pop("error_data")["details"].startswith("Object with this ID does not exist")
    assert error == {
        "message": "(#100) Unsupported post request",
        "type": "GraphMethodException",
        "code": 100,
        "error_subcode": 33,
    }


async def test_a_number_does_not_write_to_itself(gateway: Gateway, tenant: Tenant) -> None:
    answer = await gateway.send(tenant, text(to=tenant.display_phone_number.removeprefix("+")))
    assert answer.status == 400
    assert answer.error == envelope(
        131021, "Recipient cannot be sender", "to is the sending number itself: give another recipient."
    )


@pytest.mark.parametrize("length", [192 * 1024 + 1, 300 * 1024])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_over_the_limit_is_a_413_in_the_envelope(
    gateway: Gateway, tenant: Tenant, length: int, is_chunked: bool
) -> None:
    async def pieces() -> Any:
        for _ in range(0, length, 8192):
            yield b" " * 8192

    data = pieces() if is_chunked else b" " * length
    answer = await gateway.ask("POST", tenant.path, key=tenant.api_key, data=data, headers=JSON_HEADERS)
    assert answer.status == 413
    assert answer.error == invalid("The body is larger than 196608 bytes: send less in one request.")


async def test_who_posts_too_fast_is_told_when_to_come_back(another_gateway: AnotherGateway, tenant: Tenant) -> None:
    async with another_gateway(accept_per_second=1) as slow:
        answers = [await slow.send(tenant, text()) for _ in range(3)]
    refused = next(answer for answer in answers if answer.status != 200)
    assert answers[0].status == 200
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1"
    assert refused.error == envelope(
        130429, "Rate limit hit", "Too many requests of your account: slow down.", is_transient=True
    )


@pytest.mark.parametrize("key", ["", "x" * 256, "ключ"])
async def test_a_bad_idempotency_key_is_refused(gateway: Gateway, tenant: Tenant, key: str) -> None:
    answer = await gateway.send(tenant, text(), idempotency_key=key)
    assert answer.status == 400
    assert answer.error == invalid("Idempotency-Key must be one value of 1 to 255 printable ASCII characters.")
