"""The gateway asks what became of the money of one message, in every state that it can have."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from services.kernel.client import Answer
from services.kernel.identifiers import uuid7
from tests.billing.stand import Billing, cleared, failed, reply, reported

SIX = 6_000_000


async def ask(api: Any, tenant_id: UUID, message_id: UUID) -> Answer:
    path = f"/internal/tenants/{tenant_id}/charges/{message_id}"
    answer: Answer = await api.tenant.exchange("GET", path, role="service", subject="gateway")
    return answer


@pytest.fixture
async def tenant(billing: Billing) -> UUID:
    return await billing.new_tenant("100.00")


async def test_a_message_on_its_way_is_reserved_at_its_position(billing: Billing, api: Any, tenant: UUID) -> None:
    message = uuid7()
    await billing.feed(cleared(tenant, message))
    charge = (await ask(api, tenant, message)).json()
    assert (charge["state"], charge["price_micros"], charge["currency"]) == ("reserved", SIX, "RUB")
    assert (charge["position"], charge["is_free"], charge["rate_card_version"]) == (1, False, 2)
    assert (charge["captured_at"], charge["returned_at"], charge["reason"]) == (None, None, None)


async def test_its_ends_are_told_with_their_times_and_reasons(billing: Billing, api: Any, tenant: UUID) -> None:
    captured, released, free, closed = (uuid7() for _ in range(4))
    await billing.feed(*(cleared(tenant, message) for message in (captured, released)), reply(tenant, free))
    await billing.feed(reported(tenant, captured, "delivered"), failed(tenant, released), failed(tenant, closed))
    answers = {message: (await ask(api, tenant, message)).json() for message in (captured, released, free, closed)}
    assert answers[captured]["state"] == "captured"
    assert answers[captured]["captured_at"]
    assert (answers[released]["state"], answers[released]["reason"]) == ("released", "failed")
    assert answers[released]["returned_at"]
    assert (answers[free]["price_micros"], answers[free]["is_free"], answers[free]["position"]) == (0, True, None)
    assert (answers[closed]["state"], answers[closed]["reason"]) == ("closed", "already_closed")


async def test_an_unfunded_message_says_why(billing: Billing, api: Any) -> None:
    poor, message = uuid7(), uuid7()
    await billing.feed(cleared(poor, message))
    charge = (await ask(api, poor, message)).json()
    assert (charge["state"], charge["reason"], charge["price_micros"]) == ("unfunded", "no_balance", None)


async def test_another_tenants_message_is_as_unknown_as_one_that_does_not_exist(
    billing: Billing, api: Any, tenant: UUID
) -> None:
    message = uuid7()
    await billing.feed(cleared(tenant, message))
    foreign, unknown = await ask(api, uuid7(), message), await ask(api, tenant, uuid4())
    assert (foreign.status, foreign.body) == (unknown.status, unknown.body) == (404, unknown.body)


async def test_staff_and_tenants_do_not_ask_here(api: Any, tenant: UUID) -> None:
    path = f"/internal/tenants/{tenant}/charges/{uuid7()}"
    as_staff = await api.staff.exchange("GET", path, role="staff", subject="ann")
    as_tenant = await api.tenant.exchange("GET", path, role="tenant", subject="key", tenant_id=tenant)
    assert (as_staff.status, as_tenant.status) == (403, 403)
