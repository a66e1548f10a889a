"""A quote says what the reserve would take now, and takes nothing."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from services.kernel import clock
from services.kernel.client import Answer
from services.kernel.identifiers import uuid7
from tests.billing.conftest import Api
from tests.billing.office import Office
from tests.billing.stand import NOON, TESTERS, Billing, cleared, micros, reply

PATH = "/internal/quotes"


async def ask(api: Api, tenant_id: UUID, **more: Any) -> Answer:
    body = {"tenant_id": str(tenant_id), "category": "utility", "is_in_window": False} | more
    return await api.tenant.exchange("POST", PATH, body=msgspec.json.encode(body), role="service")


async def quote(api: Api, tenant_id: UUID, **more: Any) -> dict[str, Any]:
    answer = await ask(api, tenant_id, **more)
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


PAID = {
    "price_micros": 6_000_000,
    "currency": "RUB",
    "is_free": False,
    "position": 1,
    "month": "2026-03-01",
    "rate_card_version": 2,
    "tier": 1,
    "is_covered": True,
    "reason": None,
}
FREE = PAID | {"price_micros": 0, "is_free": True, "position": None, "tier": None}


async def test_a_quote_is_what_the_reserve_takes_and_keeps_nothing(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    with clock.frozen(NOON):
        before = await billing.snapshot()
        assert await quote(api, tenant_id) == PAID
        assert await quote(api, tenant_id) == PAID
        assert await billing.snapshot() == before
        (funded,) = await billing.feed(cleared(tenant_id, uuid7()))
        assert (funded.price_micros, funded.rate_card_version) == (PAID["price_micros"], PAID["rate_card_version"])
        assert (await quote(api, tenant_id))["position"] == 2


async def test_the_price_follows_the_ladder(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant("10000.00")
    for _ in range(2):
        await billing.feed(*(cleared(tenant_id, uuid7()) for _ in range(500)))
    found = await quote(api, tenant_id)
    assert (found["price_micros"], found["position"], found["tier"]) == (micros("4.50"), 1_001, 2)
    (funded,) = await billing.feed(cleared(tenant_id, uuid7()))
    assert funded.price_micros == found["price_micros"]


async def test_a_reply_inside_the_window_is_free_and_takes_no_position(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    with clock.frozen(NOON):
        assert await quote(api, tenant_id, category="service", is_in_window=True) == FREE
        assert await quote(api, tenant_id, category="service", is_in_window=False) == PAID
        assert await quote(api, tenant_id, is_in_window=True) == PAID
        assert await quote(api, tenant_id, kind="reaction", category="service") == FREE
        await billing.feed(reply(tenant_id, uuid7()))
        assert await quote(api, tenant_id) == PAID


async def test_what_an_entry_point_gives_is_data_of_the_card(api: Api, office: Office) -> None:
    card = {
        "currency": "RUB",
        "mode": "graduated",
        "tiers": [[None, "6.00", "0"]],
        "free_in_entry_point": ["utility"],
    }
    with clock.frozen(NOON) as now:
        assert not (await quote(api, uuid4(), is_in_entry_point=True))["is_free"]
        await office.approve((await office.ask_card(card)).json()["id"])
        now.advance(10)
        assert (await quote(api, uuid4(), is_in_entry_point=True))["is_free"]
        assert not (await quote(api, uuid4(), is_in_window=True))["is_free"]


async def test_a_tests_messages_cost_nothing(api: Api) -> None:
    tenant_id = uuid7()
    TESTERS.add(tenant_id)
    with clock.frozen(NOON):
        assert await quote(api, tenant_id) == FREE


async def test_a_wallet_that_does_not_cover_it_is_said(api: Api, billing: Billing, office: Office) -> None:
    tenant_id = await billing.new_tenant("5.99")
    with clock.frozen(NOON):
        assert await quote(api, tenant_id) == PAID | {"is_covered": False, "reason": "no_balance"}
    assert (await quote(api, tenant_id, category="service", is_in_window=True))["is_covered"]
    await office.set_limit(tenant_id, "0.01")
    assert (await quote(api, tenant_id))["is_covered"]


async def test_a_price_above_what_the_tenant_pays_at_most_is_said(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    found = await quote(api, tenant_id, max_price_micros=5_999_999)
    assert (found["is_covered"], found["reason"]) == (False, "price_above_max")
    assert (await quote(api, tenant_id, max_price_micros=6_000_000))["is_covered"]


@pytest.mark.parametrize(
    "change",
    [
        {"tenant_id": "nobody"},
        {"category": "spam"},
        {"is_in_window": "perhaps"},
        {"max_price_micros": -1},
        {"max_price_micros": 2**70},
        {"more": 1},
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_by_name(api: Api, change: dict[str, Any]) -> None:
    answer = await ask(api, uuid4(), **({} | change)) if "tenant_id" not in change else await _ask_raw(api, change)
    assert answer.status == 422
    assert next(iter(change)) in answer.json()["detail"]


async def _ask_raw(api: Api, body: dict[str, Any]) -> Answer:
    content = {"category": "utility", "is_in_window": False} | body
    return await api.tenant.exchange("POST", PATH, body=msgspec.json.encode(content), role="service")


async def test_quotes_are_for_services(api: Api) -> None:
    body = msgspec.json.encode({"tenant_id": str(uuid4()), "category": "utility", "is_in_window": False})
    assert (await api.tenant.exchange("POST", PATH, body=body, role="tenant", tenant_id=uuid4())).status == 403
    assert (await api.staff.exchange("POST", PATH, body=body, role="staff")).status == 403
