"""Tenants read their own balance; staff book money that came in, once per reference."""

from uuid import UUID, uuid4

import msgspec
import pytest

from services.kernel.client import Answer
from tests.billing.conftest import Api
from tests.billing.stand import Billing, cleared

PATH = "/v1/billing/balance"


async def balance(api: Api, tenant_id: UUID) -> Answer:
    return await api.tenant.exchange("GET", PATH, role="tenant", tenant_id=tenant_id)


async def top_up(api: Api, tenant_id: UUID, **body: str) -> Answer:
    content = {"amount": "1000.00", "currency": "RUB", "reference": "payment 1"} | body
    path = f"/internal/tenants/{tenant_id}/top-ups"
    return await api.staff.exchange("POST", path, body=msgspec.json.encode(content), role="staff")


async def test_a_tenant_reads_its_wallet_its_holds_and_its_credit_limit(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant("1000.00")
    await billing.feed(cleared(tenant_id, uuid4()))
    answer = await balance(api, tenant_id)
    assert answer.status == 200
    assert answer.json() == {
        "wallet": {"amount": "994.00", "currency": "RUB"},
        "held": {"amount": "6.00", "currency": "RUB"},
        "credit_limit": {"amount": "0.00", "currency": "RUB"},
    }


async def test_another_tenants_token_sees_what_a_tenant_without_money_sees(api: Api, billing: Billing) -> None:
    rich = await billing.new_tenant("1000.00")
    nothing = {"amount": "0.00", "currency": "RUB"}
    stranger = await balance(api, uuid4())
    assert stranger.json() == {"wallet": nothing, "held": nothing, "credit_limit": nothing}
    assert (await balance(api, rich)).json() != stranger.json()


async def test_the_balance_is_for_tenants_and_top_ups_are_for_staff(api: Api) -> None:
    assert (await api.tenant.exchange("GET", PATH, role="service")).status == 403
    assert (await api.staff.exchange("GET", PATH, role="staff")).status == 403
    path = f"/internal/tenants/{uuid4()}/top-ups"
    body = b'{"amount": "1.00", "currency": "RUB", "reference": "mine"}'
    assert (await api.tenant.exchange("POST", path, body=body, role="tenant", tenant_id=uuid4())).status == 403
    assert (await api.tenant.exchange("POST", path, body=body, role="service")).status == 403


async def test_a_repeated_reference_is_booked_once(api: Api, billing: Billing) -> None:
    tenant_id = uuid4()
    first, second = await top_up(api, tenant_id), await top_up(api, tenant_id)
    assert (first.status, second.status) == (200, 200)
    assert first.json() == second.json()
    assert first.json()["balance"]["wallet"] == {"amount": "1000.00", "currency": "RUB"}
    await billing.audit()


async def test_a_reference_with_another_amount_is_a_loud_conflict(api: Api, billing: Billing) -> None:
    tenant_id = uuid4()
    await top_up(api, tenant_id)
    answer = await top_up(api, tenant_id, amount="2000.00")
    assert (answer.status, answer.json()["title"]) == (409, "reference_taken")
    assert await billing.balance(tenant_id) == (1_000_000_000, 0)


async def test_two_tenants_may_use_the_same_reference(api: Api, billing: Billing) -> None:
    for tenant_id in (uuid4(), uuid4()):
        assert (await top_up(api, tenant_id)).status == 200
        assert await billing.balance(tenant_id) == (1_000_000_000, 0)


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "0"},
        {"amount": "0.000000"},
        {"amount": "-5.00"},
        {"amount": "1e9"},
        {"amount": "1.0000001"},
        {"amount": "1" * 13},
        {"amount": "NaN"},
        {"currency": "USD"},
        {"currency": "rub"},
        {"reference": ""},
        {"reference": "   "},
        {"reference": "a\u0000b"},
        {"reference": "x" * 201},
        {"more": "field"},
    ],
)
async def test_a_top_up_that_makes_no_sense_is_a_422(api: Api, body: dict[str, str]) -> None:
    answer = await top_up(api, uuid4(), **body)
    assert answer.status == 422


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"amount": 1000.0, "currency": "RUB", "reference": "x"}', b"\xff"]
)
async def test_a_body_of_another_shape_is_never_a_500(api: Api, body: bytes) -> None:
    answer = await api.staff.exchange("POST", f"/internal/tenants/{uuid4()}/top-ups", body=body, role="staff")
    assert answer.status in (400, 422)


async def test_a_tenant_that_is_no_uuid_is_a_422(api: Api) -> None:
    body = b'{"amount": "1.00", "currency": "RUB", "reference": "x"}'
    answer = await api.staff.exchange("POST", "/internal/tenants/nobody/top-ups", body=body, role="staff")
    assert answer.status == 422
