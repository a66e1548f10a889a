"""A template message is compared with the template that is registered."""

from typing import Any

import pytest

from tests.sandbox.stand import NUMBER, Sandbox, message_to

IMAGE = {"link": "https://example.com/a.png"}
COMPONENTS: list[dict[str, Any]] = [
    {"type": "HEADER", "format": "IMAGE"},
    {"type": "BODY", "text": "Order {{1}} costs {{2}}."},
    {
        "type": "BUTTONS",
        "buttons": [
            {"type": "QUICK_REPLY", "text": "Cancel"},
            {"type": "URL", "text": "Track", "url": "https://example.com/{{1}}"},
            {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+74950000001"},
        ],
    },
]


def text(*values: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": value} for value in values]


HEADER = {"type": "header", "parameters": [{"type": "image", "image": IMAGE}]}
ORDER = {"type": "body", "parameters": text("17", "95 ₽")}
TRACK = {"type": "button", "sub_type": "url", "index": "1", "parameters": text("17")}
PAYLOAD = {"type": "button", "sub_type": "quick_reply", "index": 0, "parameters": [{"type": "payload", "payload": "x"}]}


async def put(sandbox: Sandbox, name: str, components: list[dict[str, Any]] = COMPONENTS, **more: Any) -> None:
    body = {"category": "utility", "language": "ru", "components": components, **more}
    await sandbox.control("PUT", f"templates/{name}", body)


async def code_of(sandbox: Sandbox, phone: str, name: str, *components: dict[str, Any], language: str = "ru") -> int:
    """0 when it was taken."""
    use = {"name": name, "language": {"code": language}, "components": list(components)}
    status, answer = await sandbox.post(message_to(phone, "template", use))
    return 0 if status == 200 else int(answer["error"]["code"])


@pytest.mark.parametrize(
    ("components", "code"),
    [
        ((HEADER, ORDER, TRACK), 0),
        ((HEADER, ORDER, TRACK, PAYLOAD), 0),
        ((ORDER, TRACK), 132012),
        (({"type": "header", "parameters": text("a")}, ORDER, TRACK), 132012),
        ((HEADER, TRACK), 132000),
        ((HEADER, {"type": "body", "parameters": text("1", "2", "3")}, TRACK), 132000),
        ((HEADER, ORDER), 131008),
        ((HEADER, ORDER, TRACK | {"index": "3"}), 132018),
        ((HEADER, ORDER, TRACK | {"index": "0"}), 132018),
        ((HEADER, ORDER, TRACK, TRACK), 132018),
        ((HEADER, ORDER, TRACK | {"parameters": []}), 132000),
        ((HEADER, ORDER, TRACK | {"sub_type": "nonsense"}), 131009),
        ((HEADER, {"type": "body", "parameters": text("x" * 1100, "y")}, TRACK), 132005),
        ((HEADER, {"type": "body", "parameters": [{"type": "currency", "currency": {}}, *text("a")]}, TRACK), 132012),
    ],
)
async def test_header_body_and_buttons_must_fit(
    sandbox: Sandbox, phone: str, components: tuple[dict[str, Any], ...], code: int
) -> None:
    await put(sandbox, "order_fits")

    assert await code_of(sandbox, phone, "order_fits", *components) == code


async def test_named_parameters_come_in_any_order_and_complete(sandbox: Sandbox, phone: str) -> None:
    await put(sandbox, "named", [{"type": "BODY", "text": "Hi {{name}}, {{sum}}"}], parameter_format="NAMED")

    def named(*names: str) -> dict[str, Any]:
        return {"type": "body", "parameters": [{"type": "text", "text": "v", "parameter_name": one} for one in names]}

    assert await code_of(sandbox, phone, "named", named("sum", "name")) == 0
    assert await code_of(sandbox, phone, "named", named("name", "other")) == 132000
    assert await code_of(sandbox, phone, "named", named("name", "name")) == 132000
    assert await code_of(sandbox, phone, "named", {"type": "body", "parameters": text("a", "b")}) == 100
    await put(sandbox, "positional", [{"type": "BODY", "text": "Hi {{1}}"}])
    assert await code_of(sandbox, phone, "positional", named("name")) == 100


@pytest.mark.parametrize(("status", "code"), [("PAUSED", 132015), ("DISABLED", 132016), ("PENDING", 132001)])
async def test_a_template_that_is_not_approved_is_refused(sandbox: Sandbox, phone: str, status: str, code: int) -> None:
    await put(sandbox, f"is_{status.lower()}", [{"type": "BODY", "text": "Hi"}], status=status)

    assert await code_of(sandbox, phone, f"is_{status.lower()}") == code


async def test_a_template_lives_in_several_languages_and_no_other(sandbox: Sandbox, phone: str) -> None:
    for language in ("ru", "en_US"):
        await put(sandbox, "bilingual", [{"type": "BODY", "text": "Hi"}], language=language)

    assert await code_of(sandbox, phone, "bilingual", language="ru") == 0
    assert await code_of(sandbox, phone, "bilingual", language="en_US") == 0
    assert await code_of(sandbox, phone, "bilingual", language="de") == 132001


async def test_an_accounts_own_template_is_not_anothers(sandbox: Sandbox, phone: str) -> None:
    await sandbox.control("PUT", "numbers/7001", {"waba_id": "700"})
    await sandbox.control("PUT", "numbers/8001", {"waba_id": "800"})
    await put(sandbox, "mine", [{"type": "BODY", "text": "Hi"}], waba_id="700")
    await put(sandbox, "mine", [{"type": "BODY", "text": "Hi {{1}}"}], waba_id="800")
    use = {"name": "mine", "language": {"code": "ru"}}

    assert (await sandbox.post(message_to(phone, "template", use), number="7001"))[0] == 200
    assert (await sandbox.post(message_to(phone, "template", use), number="8001"))[1]["error"]["code"] == 132000
    assert (await sandbox.post(message_to(phone, "template", use), number=NUMBER))[0] == 200, "unknown there: passes"


async def test_a_code_goes_into_the_body_and_its_button(sandbox: Sandbox, phone: str) -> None:
    components: list[dict[str, Any]] = [
        {"type": "BODY"},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]},
    ]
    await put(sandbox, "code", components, category="authentication")
    body, button = {"type": "body", "parameters": text("123456")}, TRACK | {"index": "0", "parameters": text("123456")}

    assert await code_of(sandbox, phone, "code", body, button) == 0
    assert await code_of(sandbox, phone, "code", body) == 131008
    assert await code_of(sandbox, phone, "code", body, button | {"parameters": text("1" * 16)}) == 132018
