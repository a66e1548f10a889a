"""A tenant reads what its months have cost so far, and what the next message costs."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel import clock
from services.kernel.client import Answer
from services.kernel.contracts import Event
from services.kernel.identifiers import uuid7
from tests.billing.conftest import Api
from tests.billing.stand import NOON, ZONES, Billing, cleared, expired, failed, reply, reported

PATH = "/v1/billing/usage"


async def ask(api: Api, tenant_id: UUID, **params: str) -> Answer:
    return await api.tenant.exchange("GET", PATH, params=params, role="tenant", tenant_id=tenant_id)


def counter(count: int, amount: str) -> dict[str, Any]:
    return {"count": count, "amount": {"amount": amount, "currency": "RUB"}}


async def test_usage_counts_by_month_category_and_gift(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    messages = [uuid7() for _ in range(5)]
    with clock.frozen(NOON):
        await billing.feed(*(cleared(tenant_id, message) for message in messages), reply(tenant_id, uuid7()))
        await billing.feed(reported(tenant_id, messages[0], "delivered"), reported(tenant_id, messages[1], "read"))
        await billing.feed(failed(tenant_id, messages[2]), expired(tenant_id, messages[3]))
        answer = (await ask(api, tenant_id)).json()
    assert answer == {
        "zone": "Europe/Moscow",
        "data": [
            {
                "month": "2026-03",
                "position": 5,
                "items": [
                    {
                        "category": "service",
                        "is_free": True,
                        "held": counter(1, "0.00"),
                        "charged": counter(0, "0.00"),
                        "returned": counter(0, "0.00"),
                    },
                    {
                        "category": "utility",
                        "is_free": False,
                        "held": counter(1, "6.00"),
                        "charged": counter(2, "12.00"),
                        "returned": counter(2, "12.00"),
                    },
                ],
                "ladder": {
                    "rate_card_version": 2,
                    "mode": "graduated",
                    "tier": 1,
                    "unit": {"amount": "6.00", "currency": "RUB"},
                    "next_message": {"amount": "6.00", "currency": "RUB"},
                    "next_tier": {"from_position": 1_001, "unit": {"amount": "4.50", "currency": "RUB"}},
                },
            }
        ],
    }


async def test_a_late_capture_moves_from_returned_to_charged(api: Api, billing: Billing) -> None:
    tenant_id, message_id = await billing.new_tenant(), uuid7()
    await billing.feed(cleared(tenant_id, message_id))
    await billing.feed(failed(tenant_id, message_id))
    await billing.feed(reported(tenant_id, message_id, "delivered"))
    (item,) = (await ask(api, tenant_id)).json()["data"][0]["items"]
    assert (item["returned"], item["charged"]) == (counter(0, "0.00"), counter(1, "6.00"))


async def test_what_is_not_paid_for_is_no_usage(api: Api, billing: Billing) -> None:
    tenant_id = uuid7()
    await billing.feed(cleared(tenant_id, uuid7()), failed(tenant_id, uuid7()))
    (month,) = (await ask(api, tenant_id)).json()["data"]
    assert (month["position"], month["items"]) == (0, [])


async def test_a_month_begins_where_the_tenant_is(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    ZONES[tenant_id] = "Asia/Vladivostok"  # ten hours ahead of UTC
    with clock.frozen(datetime(2026, 3, 31, 13, 59, 59, tzinfo=UTC)) as now:
        await billing.feed(cleared(tenant_id, uuid7()), reply(tenant_id, uuid7()))
        now.advance(1)
        await billing.feed(cleared(tenant_id, uuid7()), reply(tenant_id, uuid7()))
        answer = (await ask(api, tenant_id)).json()
    assert answer["zone"] == "Asia/Vladivostok"
    assert [(month["month"], month["position"], len(month["items"])) for month in answer["data"]] == [
        ("2026-04", 1, 2),
        ("2026-03", 1, 2),
    ]
    assert [month["ladder"] is not None for month in answer["data"]] == [True, False]


async def test_the_ladder_says_where_the_next_message_falls(api: Api, billing: Billing, owner: Any) -> None:
    tenant_id = await billing.new_tenant("10000.00")
    for size in (500, 500):
        await billing.feed(*(cleared(tenant_id, uuid7()) for _ in range(size)))
    (month,) = (await ask(api, tenant_id)).json()["data"]
    ladder = month["ladder"]
    assert (month["position"], ladder["tier"], ladder["next_message"]["amount"]) == (1_000, 2, "4.50")
    assert ladder["next_tier"] == {"from_position": 10_001, "unit": {"amount": "2.50", "currency": "RUB"}}


async def test_months_can_be_chosen(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    for month in (1, 2, 3):
        with clock.frozen(NOON.replace(month=month)):
            await billing.feed(cleared(tenant_id, uuid7()))
    with clock.frozen(NOON):

        async def months(**params: str) -> list[str]:
            return [month["month"] for month in (await ask(api, tenant_id, **params)).json()["data"]]

        assert await months() == ["2026-03", "2026-02", "2026-01"]
        assert await months(**{"from": "2026-02"}) == ["2026-03", "2026-02"]
        assert await months(to="2026-01") == ["2026-01"]
        assert await months(**{"from": "2026-02", "to": "2026-02"}) == ["2026-02"]
        assert await months(to="2025-12") == []


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"from": "2026"}, "from"),
        ({"from": "2026-13"}, "from"),
        ({"to": "2026-03-01"}, "to"),
        ({"to": "March!!"}, "to"),
        ({"from": "2026-03", "to": "2026-02"}, "from"),
        ({"from": "2020-01", "to": "2026-02"}, "from"),
        ({"month": "2026-03"}, "month"),
    ],
)
async def test_months_that_make_no_sense_are_refused_by_name(api: Api, params: dict[str, str], named: str) -> None:
    answer = await ask(api, uuid4(), **params)
    assert answer.status == 422
    assert named in answer.json()["detail"]


async def test_months_at_the_ends_of_the_calendar_are_no_500(api: Api) -> None:
    for params in ({"to": "0001-01"}, {"from": "0001-01"}, {"from": "9999-12"}, {"to": "9999-12"}):
        assert (await ask(api, uuid4(), **params)).status in (200, 422)


async def test_another_tenants_usage_is_as_that_of_nobody(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    await billing.feed(cleared(tenant_id, uuid7()))
    mine, nobodys = (await ask(api, uuid4())).json(), (await ask(api, uuid4())).json()
    assert mine == nobodys
    assert mine["data"][0]["items"] == []


async def test_usage_is_for_tenants(api: Api) -> None:
    assert (await api.tenant.exchange("GET", PATH, role="service")).status == 403
    assert (await api.staff.exchange("GET", PATH, role="staff")).status == 403


STEPS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(["clear", "reply", "deliver", "fail", "expire"])), max_size=6
    ),
    max_size=6,
)
COUNTED = """
select month, category, is_free, currency,
       count(*) filter (where state = 'reserved') as held,
       coalesce(sum(price_micros) filter (where state = 'reserved'), 0) as held_micros,
       count(*) filter (where state = 'captured') as charged,
       coalesce(sum(price_micros) filter (where state = 'captured'), 0) as charged_micros,
       count(*) filter (where state in ('released', 'expired')) as returned,
       coalesce(sum(price_micros) filter (where state in ('released', 'expired')), 0) as returned_micros
  from reservations where tenant_id = :tenant_id and price_micros is not null
 group by month, category, is_free, currency order by 1, 2, 3
"""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=STEPS)
async def test_what_is_counted_is_what_a_count_of_the_charges_gives(
    billing: Billing, batches: list[list[tuple[int, str]]]
) -> None:
    tenant_id, messages = await billing.new_tenant("20.00"), [uuid7() for _ in range(6)]
    make: dict[str, Callable[[UUID], Event]] = {
        "clear": lambda message: cleared(tenant_id, message),
        "reply": lambda message: reply(tenant_id, message),
        "deliver": lambda message: reported(tenant_id, message, "delivered"),
        "fail": lambda message: failed(tenant_id, message),
        "expire": lambda message: expired(tenant_id, message),
    }
    for batch in batches:
        await billing.feed(*(make[step](messages[number]) for number, step in batch))
    columns = (
        "month, category, is_free, currency, held, held_micros, charged, charged_micros, returned, returned_micros"
    )
    counted = await billing.rows(
        f"select {columns} from usage_months where tenant_id = :tenant_id order by 1, 2, 3", tenant_id=tenant_id
    )
    assert [tuple(row) for row in counted] == [tuple(row) for row in await billing.rows(COUNTED, tenant_id=tenant_id)]
