"""A tenant asks whether a message would go out: the answer is what its sending would meet, and nothing happens."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.e2e.conftest import World
from tests.e2e.harness.stacks import held
from tests.e2e.harness.tenants import MARKETING, Tenant, new_person, template_body, text_body
from tests.e2e.harness.waiting import eventually

PATH = "/v1/messages:check"
MakeTenant = Callable[..., Awaitable[Tenant]]


async def check(tenant: Tenant, message: Any, *, phone_number_id: str | None = None) -> Any:
    body = {"phone_number_id": phone_number_id or tenant.phone_number_id, "message": message}
    answer = await tenant.call("POST", PATH, body)
    assert answer.status == 200, answer.body
    return answer.body


def refusal(checked: Any) -> tuple[bool, int, str]:
    assert checked["error"]["text"]
    return checked["allowed"], checked["error"]["code"], checked["error"]["reason"]


async def test_a_template_to_a_person_who_agreed_is_allowed_with_its_price_and_its_trace(tenant: Tenant) -> None:
    checked = await check(tenant, template_body(await tenant.new_person("service"), "Анна"))
    assert (checked["allowed"], checked["error"]) == (True, None)
    assert (checked["kind"], checked["category"], checked["country"]) == ("template", "utility", "RU")
    assert checked["window"] == {"is_open": False, "expires_at": None}
    assert checked["price"]["currency"] == "RUB"
    assert float(checked["price"]["amount"]) > 0
    details = checked["price_details"]
    assert (details["is_free"], details["position"], details["tier"], details["is_covered"]) == (False, 1, 1, True)
    assert all(step["text"] and step["text_ru"] and step["version"] > 0 for step in checked["trace"])
    assert {"policy", "consent"} <= {step["rule"] for step in checked["trace"]}


async def test_a_reply_is_allowed_and_free_while_the_window_is_open(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person()
    closed = await check(tenant, text_body(person, "Здравствуйте"))
    assert refusal(closed) == (False, 131047, "window_closed")
    assert closed["price"] is not None
    await world.sandbox.write(person, "Вы работаете?", tenant.phone_number_id)
    await eventually(lambda: tenant.callbacks.messages("Вы работаете?"), "the question never came")
    checked = await check(tenant, text_body(person, "Да"))
    assert (checked["allowed"], checked["window"]["is_open"]) == (True, True)
    assert checked["window"]["expires_at"].endswith("Z")
    assert (checked["price"]["amount"], checked["price_details"]["is_free"]) == ("0.00", True)


async def test_a_person_who_never_agreed_and_an_advertisement_are_refused_as_their_sending_would_be(
    tenant: Tenant,
) -> None:
    stranger = await check(tenant, template_body(new_person(), "Анна"))
    assert refusal(stranger) == (False, 131050, "no_consent")
    person = await tenant.new_person("service", "marketing")
    advertisement = await check(tenant, template_body(person, "Анна", name=MARKETING))
    assert (advertisement["allowed"], advertisement["error"]["reason"]) == (False, "policy")
    assert advertisement["policy"]
    assert [step["outcome"] for step in advertisement["trace"]].count("refuse") == 1


async def test_a_wallet_that_does_not_cover_the_price_is_told_before_the_sending(make_tenant: MakeTenant) -> None:
    poor = await make_tenant(top_up=None)
    checked = await check(poor, template_body(await poor.new_person("service"), "Анна"))
    assert refusal(checked) == (False, 131042, "no_balance")
    assert checked["price_details"]["is_covered"] is False


async def test_a_price_above_the_messages_own_limit_is_refused(tenant: Tenant) -> None:
    message = template_body(await tenant.new_person("service"), "Анна") | {"max_price": "0.01"}
    assert refusal(await check(tenant, message)) == (False, 131042, "price_above_max")


async def test_what_the_door_would_refuse_is_refused_in_its_words(tenant: Tenant) -> None:
    person = await tenant.new_person("service")
    wrong = template_body(person, "Анна", name="never_approved")
    sent, checked = await tenant.post(wrong), await check(tenant, wrong)
    assert sent.status == 404
    assert refusal(checked) == (False, 132001, "invalid")
    assert checked["error"]["text"] == sent.body["error"]["error_data"]["details"]
    assert (checked["window"], checked["price"], checked["trace"]) == (None, None, [])
    foreign = await check(tenant, text_body(person, "x"), phone_number_id="100000000000001")
    assert refusal(foreign)[1:] == (100, "invalid")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ([], "object"),
        ({"message": {}}, "phone_number_id"),
        ({"phone_number_id": "1"}, "message"),
        ({"phone_number_id": 1, "message": {}}, "phone_number_id"),
        ({"phone_number_id": "1", "message": {}, "idempotency_key": "x"}, "idempotency_key"),
    ],
)
async def test_what_is_no_check_is_refused_with_the_field(tenant: Tenant, body: Any, named: str) -> None:
    answer = await tenant.call("POST", PATH, body)
    assert answer.status == 422
    assert named in answer.body["detail"]


async def test_a_check_sends_nothing_holds_nothing_and_keeps_nothing(world: World, tenant: Tenant) -> None:
    person = await tenant.new_person("service")
    before = await tenant.wallet()
    for _ in range(3):
        assert (await check(tenant, template_body(person, "Анна")))["price_details"]["position"] == 1
    assert await tenant.wallet() == before
    assert await world.sandbox.sends_to(person) == []
    assert (await tenant.call("GET", "/v1/messages")).body["data"] == []


@pytest.mark.parametrize("owner", ["consent-api", "billing-api"])
async def test_while_an_owner_is_away_there_is_no_answer_yet(world: World, tenant: Tenant, owner: str) -> None:
    body = {
        "phone_number_id": tenant.phone_number_id,
        "message": template_body(await tenant.new_person("service"), "Анна"),
    }
    async with held(world.stack, owner):
        answer = await tenant.call("POST", PATH, body)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (await tenant.call("POST", PATH, body)).body["allowed"] is True
