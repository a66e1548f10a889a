"""A tenant reads what each of its messages cost, a page at a time, and nobody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.kernel import clock
from services.kernel.client import Answer
from services.kernel.identifiers import uuid7
from tests.billing.conftest import Api
from tests.billing.stand import NOON, Billing, cleared, failed, reply, reported

PATH = "/v1/billing/charges"
MOSCOW_NOON = "2026-03-10T12:00:00Z"


def id_at(moment: datetime, number: int = 0) -> UUID:
    """A UUIDv7 of a moment."""
    return UUID(int=(int(moment.timestamp() * 1_000) << 80) | (0x7 << 76) | (0x2 << 62) | number)


async def ask(api: Api, tenant_id: UUID, **params: str) -> Answer:
    return await api.tenant.exchange("GET", PATH, params=params, role="tenant", tenant_id=tenant_id)


async def ids(api: Api, tenant_id: UUID, **params: str) -> list[str]:
    answer = await ask(api, tenant_id, **params)
    assert answer.status == 200, answer.body
    return [charge["message_id"] for charge in answer.json()["data"]]


async def walk(api: Api, tenant_id: UUID, **params: str) -> list[str]:
    """Every charge, page after page."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        more = params if cursor is None else params | {"cursor": cursor}
        answer = (await ask(api, tenant_id, **more)).json()
        found += [charge["message_id"] for charge in answer["data"]]
        cursor = answer["paging"]["next"]
        if cursor is None:
            return found


async def test_a_charge_says_what_a_message_cost_and_where_that_money_is(api: Api, billing: Billing) -> None:
    tenant_id, poor = await billing.new_tenant(), uuid7()
    messages = [id_at(NOON, number) for number in range(5)]
    held, charged, returned, free, unfunded = messages
    with clock.frozen(NOON):
        await billing.feed(*(cleared(tenant_id, message) for message in (held, charged, returned)))
        await billing.feed(reply(tenant_id, free), reported(tenant_id, charged, "read"), failed(tenant_id, returned))
        await billing.feed(cleared(poor, unfunded))
    found = {charge["message_id"]: charge for charge in (await ask(api, tenant_id)).json()["data"]}
    price = {"amount": "6.00", "currency": "RUB"}
    common: dict[str, Any] = {
        "reason": None,
        "category": "utility",
        "price": price,
        "is_free": False,
        "month": "2026-03",
        "rate_card_version": 2,
        "decided_at": MOSCOW_NOON,
        "captured_at": None,
        "returned_at": None,
    }
    assert found[str(held)] == common | {"message_id": str(held), "state": "reserved", "position": 1}
    assert found[str(charged)] == common | {
        "message_id": str(charged), "state": "captured", "position": 2, "captured_at": MOSCOW_NOON,
    }  # fmt: skip
    assert found[str(returned)] == common | {
        "message_id": str(returned), "state": "released", "position": 3, "returned_at": MOSCOW_NOON,
    }  # fmt: skip
    assert found[str(free)] == common | {
        "message_id": str(free), "state": "reserved", "position": None, "is_free": True, "category": "service",
        "price": {"amount": "0.00", "currency": "RUB"},
    }  # fmt: skip
    lone = (await ask(api, poor)).json()["data"]
    nothing = dict.fromkeys(("price", "is_free", "month", "rate_card_version"))
    assert lone == [
        common | nothing
        | {"message_id": str(unfunded), "state": "unfunded", "reason": "no_balance", "position": None}
    ]  # fmt: skip


async def test_pages_hold_every_charge_once_newest_first(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    messages = [id_at(NOON + timedelta(seconds=number)) for number in range(11)]
    await billing.feed(*(cleared(tenant_id, message) for message in messages))
    newest_first = [str(message) for message in reversed(messages)]
    assert await ids(api, tenant_id) == newest_first
    for limit in ("1", "3", "11"):
        assert await walk(api, tenant_id, limit=limit) == newest_first


async def test_the_range_is_of_the_messages_acceptance(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    messages = [id_at(NOON + timedelta(minutes=number)) for number in range(5)]
    await billing.feed(*(cleared(tenant_id, message) for message in messages))
    middle = [str(messages[2]), str(messages[1])]
    range_ = {"from": "2026-03-10T12:01:00Z", "to": "2026-03-10T15:03:00+03:00"}
    assert await ids(api, tenant_id, **range_) == middle
    assert await walk(api, tenant_id, limit="1", **range_) == middle
    assert await ids(api, tenant_id, **{"from": "2026-03-10T12:04:00Z"}) == [str(messages[4])]
    assert await ids(api, tenant_id, to="2026-03-10T12:00:00.001Z") == [str(messages[0])]


async def test_a_state_is_found_among_many_others(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    messages = [id_at(NOON + timedelta(seconds=number)) for number in range(12)]
    await billing.feed(*(cleared(tenant_id, message) for message in messages))
    await billing.feed(*(failed(tenant_id, message) for message in messages[::4]))
    wanted = [str(message) for message in reversed(messages[::4])]
    assert await walk(api, tenant_id, state="released", limit="2") == wanted
    assert len(await ids(api, tenant_id, state="reserved")) == 9
    assert await ids(api, tenant_id, state="captured") == []


async def test_another_tenants_charges_are_as_those_of_nobody(api: Api, billing: Billing) -> None:
    tenant_id, stranger = await billing.new_tenant(), uuid4()
    for number in range(3):
        await billing.feed(cleared(tenant_id, id_at(NOON, number)))
    cursor = (await ask(api, tenant_id, limit="1")).json()["paging"]["next"]
    assert (await ask(api, stranger)).json() == {"data": [], "paging": {"next": None}}
    assert (await ask(api, stranger, cursor=cursor, limit="1")).status == 422


async def test_a_cursor_belongs_to_its_filters(api: Api, billing: Billing) -> None:
    tenant_id = await billing.new_tenant()
    await billing.feed(*(cleared(tenant_id, id_at(NOON, number)) for number in range(3)))
    cursor = (await ask(api, tenant_id, limit="1")).json()["paging"]["next"]
    answer = await ask(api, tenant_id, limit="1", state="reserved", cursor=cursor)
    assert (answer.status, answer.json()["detail"].startswith("cursor: it belongs to other filters")) == (422, True)


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"from": "2026-03-10"}, "from"),
        ({"from": "1770000000"}, "from"),
        ({"to": "2026-03-10T12:00:00"}, "to"),
        ({"from": "2026-03-11T00:00:00Z", "to": "2026-03-10T00:00:00Z"}, "from"),
        ({"state": "paid"}, "state"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"cursor": "AAAA"}, "cursor"),
        ({"cursor": "no/cursor"}, "cursor"),
        ({"cursor": "x" * 101}, "cursor"),
        ({"tenant": str(uuid4())}, "tenant"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused_by_name(api: Api, params: dict[str, str], named: str) -> None:
    answer = await ask(api, uuid4(), **params)
    assert answer.status == 422
    assert named in answer.json()["detail"]


async def test_times_at_the_ends_of_the_calendar_are_no_500(api: Api) -> None:
    for moment in (
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ):
        for name in ("from", "to"):
            assert (await ask(api, uuid4(), **{name: moment})).status in (200, 422)


async def test_charges_are_for_tenants(api: Api) -> None:
    assert (await api.tenant.exchange("GET", PATH, role="service")).status == 403
    assert (await api.staff.exchange("GET", PATH, role="staff")).status == 403


def test_an_id_has_its_time_in_front() -> None:
    assert id_at(NOON) < uuid7() < id_at(datetime(2100, 1, 1, tzinfo=UTC))
