"""Up to a limit one person books money that came in; above it a second one approves."""

import asyncio
from uuid import uuid4

import pytest

from services.billing import tenants
from services.kernel.identifiers import uuid7
from tests.billing.conftest import Api
from tests.billing.office import Office
from tests.billing.stand import STRANGERS, Billing, micros


async def test_one_person_books_up_to_the_limit(office: Office, billing: Billing) -> None:
    tenant_id = uuid7()
    answer = await office.top_up(tenant_id, "100000.00")
    assert (answer.status, answer.json()["balance"]["wallet"]["amount"]) == (200, "100000.00")
    assert await office.waiting() == []


async def test_above_the_limit_the_money_is_booked_when_a_second_person_approves(
    office: Office, billing: Billing
) -> None:
    tenant_id = uuid7()
    asked = await office.top_up(tenant_id, "100000.000001", reason="the contract of March")
    assert (asked.status, asked.json()["state"], asked.json()["reason"]) == (202, "requested", "the contract of March")
    assert await billing.balance(tenant_id) == (0, 0)
    assert (await office.approve(asked.json()["id"], by="ann")).status == 403
    approved = await office.approve(asked.json()["id"])
    assert (approved.status, approved.json()["state"]) == (200, "approved")
    assert await billing.balance(tenant_id) == (micros("100000.000001"), 0)
    await billing.audit()


async def test_a_repeat_answers_the_request_that_waits_and_then_the_booking(office: Office, billing: Billing) -> None:
    tenant_id = uuid7()
    asked = await office.top_up(tenant_id, "250000.00")
    assert (await office.top_up(tenant_id, "250000.00", by="carl")).json()["id"] == asked.json()["id"]
    approved = await office.approve(asked.json()["id"])
    again = await office.top_up(tenant_id, "250000.00")
    assert (again.status, again.json()["transfer_id"]) == (200, approved.json()["result"]["transfer_id"])
    assert (await office.approve(asked.json()["id"])).json() == approved.json()
    other = await office.top_up(tenant_id, "260000.00")
    assert (other.status, other.json()["title"]) == (409, "reference_taken")
    assert await billing.balance(tenant_id) == (micros("250000.00"), 0)


async def test_a_reference_that_waits_with_another_amount_is_a_conflict(office: Office) -> None:
    tenant_id = uuid7()
    await office.top_up(tenant_id, "250000.00")
    other = await office.top_up(tenant_id, "260000.00")
    assert (other.status, other.json()["title"]) == (409, "asked_differently")


async def test_a_reference_that_was_booked_while_it_waited_is_not_booked_twice(
    office: Office, billing: Billing
) -> None:
    tenant_id = uuid7()
    asked = await office.top_up(tenant_id, "250000.00")
    await office.top_up(tenant_id, "250.00")
    answer = await office.approve(asked.json()["id"])
    assert (answer.status, answer.json()["title"]) == (409, "reference_taken")
    assert await billing.balance(tenant_id) == (micros("250.00"), 0)


async def test_four_who_approve_at_once_book_once(office: Office, billing: Billing) -> None:
    tenant_id = uuid7()
    asked = await office.top_up(tenant_id, "250000.00")
    answers = await asyncio.gather(*(office.approve(asked.json()["id"], by=f"person {n}") for n in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]
    assert await billing.balance(tenant_id) == (micros("250000.00"), 0)


async def test_more_than_an_account_can_hold_is_refused(office: Office, billing: Billing) -> None:
    tenant_id = uuid7()
    for number in range(9):
        asked = await office.top_up(tenant_id, "999999999999.00", reference=f"payment {number}")
        assert (await office.approve(asked.json()["id"])).status == 200
    last = await office.top_up(tenant_id, "999999999999.00", reference="payment 9")
    answer = await office.approve(last.json()["id"])
    assert (answer.status, answer.json()["title"]) == (422, "too_much")
    assert await billing.balance(tenant_id) == (9 * micros("999999999999.00"), 0)
    await billing.audit()


async def test_what_was_refused_is_not_booked_and_can_be_asked_for_again(office: Office, billing: Billing) -> None:
    tenant_id = uuid7()
    asked = await office.top_up(tenant_id, "250000.00")
    refused = await office.refuse(asked.json()["id"])
    assert (refused.json()["state"], refused.json()["decision_reason"]) == ("refused", "no")
    assert (await office.approve(asked.json()["id"])).status == 409
    again = await office.top_up(tenant_id, "250000.00")
    assert again.json()["id"] != asked.json()["id"]
    assert await billing.balance(tenant_id) == (0, 0)


async def test_what_waits_is_listed_for_staff(office: Office, api: Api) -> None:
    tenant_id, other = uuid7(), uuid7()
    asked = (await office.top_up(tenant_id, "250000.00")).json()
    limit = (await office.ask_limit(other, "5.00")).json()
    assert [one["id"] for one in await office.waiting()] == [limit["id"], asked["id"]]
    assert await office.waiting(kind="top_up") == [asked]
    assert await office.waiting(tenant_id=str(other)) == [limit]
    assert await office.waiting(state="approved") == []
    assert (await office.call("GET", f"/internal/approvals/{asked['id']}")).json() == asked
    assert (await office.call("GET", f"/internal/approvals/{uuid4()}")).status == 404
    await office.approve(asked["id"])
    assert [one["state"] for one in await office.waiting(state="all")] == ["requested", "approved"]


@pytest.mark.parametrize("filters", [{"state": "done"}, {"kind": "x; drop"}, {"limit": "0"}, {"more": "1"}])
async def test_a_filter_that_makes_no_sense_is_refused(office: Office, filters: dict[str, str]) -> None:
    assert (await office.call("GET", "/internal/approvals", **filters)).status == 422


async def test_approvals_are_for_staff(office: Office, api: Api) -> None:
    asked = (await office.top_up(uuid7(), "250000.00")).json()["id"]
    for path in (f"/internal/approvals/{asked}:approve", f"/internal/approvals/{asked}:refuse"):
        body = b'{"reason": "mine"}'
        assert (await api.tenant.exchange("POST", path, body=body, role="service")).status == 403
        assert (await api.tenant.exchange("POST", path, body=body, role="tenant", tenant_id=uuid4())).status == 403
    assert len(await office.waiting()) == 1


async def test_a_large_sum_in_another_currency_is_refused_before_it_waits(office: Office) -> None:
    answer = await office.top_up(uuid7(), "250000.00", currency="USD")
    assert (answer.status, answer.json()["title"]) == (422, "wrong_currency")
    assert await office.waiting() == []


@pytest.mark.parametrize("amount", ["250.00", "250000.00"])
async def test_money_of_a_tenant_that_does_not_exist_is_not_booked(
    office: Office, billing: Billing, monkeypatch: pytest.MonkeyPatch, amount: str
) -> None:
    monkeypatch.setattr(tenants, "PATIENCE_SECONDS", 0.1)
    stranger = uuid7()
    STRANGERS.add(stranger)
    before = await billing.snapshot()
    assert (await office.top_up(stranger, amount)).status == 404
    assert (await office.ask_limit(stranger, amount)).status == 404
    assert (await billing.snapshot(), await office.waiting()) == (before, [])


async def test_a_tenant_that_was_made_a_moment_ago_is_waited_for(office: Office) -> None:
    newcomer = uuid7()
    STRANGERS.add(newcomer)
    asyncio.get_running_loop().call_later(0.3, STRANGERS.discard, newcomer)
    assert (await office.top_up(newcomer, "250.00")).status == 200
