"""How far below zero a wallet may go is asked for by one person and set when another one approves."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.kernel.errors import sqlstate_of
from services.kernel.identifiers import uuid7
from tests.billing.conftest import Api
from tests.billing.office import Office
from tests.billing.stand import Billing, cleared, micros


async def limit_of(api: Api, tenant_id: UUID) -> str:
    answer = await api.tenant.exchange("GET", "/v1/billing/balance", role="tenant", tenant_id=tenant_id)
    amount: str = answer.json()["credit_limit"]["amount"]
    return amount


async def test_a_limit_is_set_when_a_second_person_approves_it(api: Api, office: Office, billing: Billing) -> None:
    tenant_id = uuid7()
    asked = await office.ask_limit(tenant_id, "12.00")
    assert (asked.status, await limit_of(api, tenant_id)) == (202, "0.00")
    alone = await office.approve(asked.json()["id"], by="ann")
    assert (alone.status, await limit_of(api, tenant_id)) == (403, "0.00")
    approved = await office.approve(asked.json()["id"])
    assert approved.json()["result"] == {"limit_micros": micros("12.00"), "currency": "RUB"}
    assert await limit_of(api, tenant_id) == "12.00"
    await billing.feed(*(cleared(tenant_id, uuid7()) for _ in range(3)))
    assert await billing.balance(tenant_id) == (-micros("12.00"), micros("12.00"))
    await billing.audit()


async def test_what_was_set_is_kept_with_its_people(office: Office) -> None:
    tenant_id = uuid7()
    for amount in ("12.00", "7.50"):
        await office.set_limit(tenant_id, amount)
    answer = await office.call("GET", f"/internal/tenants/{tenant_id}/credit-limit")
    limits = answer.json()["data"]
    assert [limit["amount"] for limit in limits] == ["7.50", "12.00"]
    assert {(limit["requested_by"], limit["approved_by"], limit["reason"]) for limit in limits} == {
        ("ann", "bob", "a known customer")
    }


async def test_a_limit_below_what_is_used_is_only_set_by_saying_so(api: Api, office: Office, billing: Billing) -> None:
    tenant_id = uuid7()
    await office.set_limit(tenant_id, "12.00")
    await billing.feed(cleared(tenant_id, uuid7()))
    refused = await office.ask_limit(tenant_id, "5.99")
    assert (refused.status, refused.json()["title"]) == (409, "below_use")
    assert "6.00 RUB of credit are in use" in refused.json()["detail"]
    await office.set_limit(tenant_id, "6.00")
    await office.set_limit(tenant_id, "5.99", even_below_use=True)
    assert await limit_of(api, tenant_id) == "5.99"
    unfunded = uuid7()
    await billing.feed(cleared(tenant_id, unfunded))
    assert await billing.state(unfunded) == "unfunded"


async def test_credit_that_is_taken_while_a_lower_limit_waits_keeps_it_from_being_set(
    api: Api, office: Office, billing: Billing
) -> None:
    tenant_id = uuid7()
    await office.set_limit(tenant_id, "12.00")
    asked = await office.ask_limit(tenant_id, "5.00")
    await billing.feed(cleared(tenant_id, uuid7()))
    answer = await office.approve(asked.json()["id"])
    assert (answer.status, answer.json()["title"]) == (409, "below_use")
    assert await limit_of(api, tenant_id) == "12.00"
    assert [one["id"] for one in await office.waiting(kind="credit_limit")] == [asked.json()["id"]]
    assert (await office.refuse(asked.json()["id"])).status == 200


async def test_one_limit_at_a_time_is_asked_for(office: Office) -> None:
    tenant_id = uuid7()
    asked = await office.ask_limit(tenant_id, "12.00")
    assert (await office.ask_limit(tenant_id, "12.00", by="carl")).json()["id"] == asked.json()["id"]
    other = await office.ask_limit(tenant_id, "13.00")
    assert (other.status, other.json()["title"]) == (409, "asked_differently")
    assert (await office.ask_limit(uuid7(), "13.00")).status == 202


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "-1.00"},
        {"amount": "1e3"},
        {"amount": "NaN"},
        {"amount": "1.0000001"},
        {"amount": "1234567890"},
        {"amount": 12},
        {"currency": "USD"},
        {"currency": "rub"},
        {"reason": ""},
        {"reason": None},
        {"even_below_use": "perhaps"},
        {"limit_micros": 1},
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused_whole(office: Office, change: dict[str, Any]) -> None:
    answer = await office.ask_limit(uuid7(), **({"amount": "12.00"} | change))
    assert answer.status == 422
    assert next(iter(change)) in answer.json()["detail"]
    assert await office.waiting() == []


async def test_limits_are_for_staff(api: Api) -> None:
    tenant_id = uuid4()
    path = f"/internal/tenants/{tenant_id}/credit-limit"
    body = b'{"amount": "1.00", "currency": "RUB", "reason": "mine"}'
    assert (await api.tenant.exchange("PUT", path, body=body, role="tenant", tenant_id=tenant_id)).status == 403
    assert (await api.tenant.exchange("PUT", path, body=body, role="service")).status == 403
    assert (await api.tenant.exchange("GET", path, role="service")).status == 403


ATTACKS = {
    "by hand": ("update accounts set credit_limit_micros = 1", "42501"),
    "without an approval": ("select set_credit_limit(gen_random_uuid(), now())", "23001"),
    "before it is approved": ("select set_credit_limit(cast(:asked as uuid), now())", "23001"),
    "with an approval a second time": ("select set_credit_limit(cast(:done as uuid), now())", "23505"),
    "a limit that was set is changed": ("update credit_limits set limit_micros = 1", "42501"),
    "a limit that was set is written by hand": (
        "insert into credit_limits values (gen_random_uuid(), 'RUB', 1, cast(:asked as uuid), now())",
        "42501",
    ),
}


@pytest.mark.parametrize(("sql", "code"), ATTACKS.values(), ids=ATTACKS.keys())
async def test_the_database_refuses_the_services_own_role(
    api: Api, office: Office, billing: Billing, sql: str, code: str
) -> None:
    tenant_id = uuid7()
    done = (await office.ask_limit(tenant_id, "12.00")).json()["id"]
    await office.approve(done)
    asked = (await office.ask_limit(tenant_id, "99.00")).json()["id"]
    found = ""
    try:
        async with billing.database.transaction() as connection:
            values = {name: value for name, value in (("asked", asked), ("done", done)) if f":{name}" in sql}
            await connection.execute(text(sql), values)
    except DBAPIError as error:
        found = sqlstate_of(error)
    assert found == code
    assert await limit_of(api, tenant_id) == "12.00"
