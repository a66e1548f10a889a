"""A price list comes into force when one person has asked for it, another has approved it, and everybody knows it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.billing.rating.service import RateCard, card_in_force
from services.kernel import clock
from services.kernel.errors import sqlstate_of
from services.kernel.identifiers import uuid7
from tests.billing.conftest import Api
from tests.billing.office import Office
from tests.billing.stand import NOON, Billing, cleared, micros

DEARER: dict[str, Any] = {
    "currency": "RUB",
    "mode": "graduated",
    "tiers": [[1_000, "7.00", "0"], [None, "5.00", "0"]],
    "free_in_window": ["service"],
}
WRITTEN = DEARER | {"tiers": [[1_000, "7.00", "0.00"], [None, "5.00", "0.00"]], "free_in_entry_point": []}
TOMORROW = NOON + timedelta(days=1)


async def in_force(billing: Billing, at: datetime) -> RateCard:
    async with billing.database.transaction() as connection:
        return await card_in_force(connection, at)


async def versions(office: Office) -> list[tuple[int, bool]]:
    answer = await office.call("GET", "/internal/rate-cards")
    return [(card["version"], card["is_in_force"]) for card in answer.json()["data"]]


async def test_a_card_that_two_people_want_is_in_force_from_its_time(office: Office, billing: Billing) -> None:
    with clock.frozen(NOON):
        asked = await office.ask_card(DEARER, TOMORROW.isoformat())
        assert (asked.status, asked.json()["state"]) == (202, "requested")
        assert await versions(office) == [(2, True), (1, False)]
        approved = await office.approve(asked.json()["id"])
        assert (approved.status, approved.json()["state"], approved.json()["decided_by"]) == (200, "approved", "bob")
        assert approved.json()["result"] == {"version": 3, "effective_from": TOMORROW.isoformat()}
        assert await versions(office) == [(3, False), (2, True), (1, False)]
        assert (await in_force(billing, TOMORROW - timedelta(microseconds=1))).version == 2
    with clock.frozen(TOMORROW):
        assert (await in_force(billing, TOMORROW)).version == 3
        assert await versions(office) == [(3, True), (2, False), (1, False)]


async def test_messages_are_priced_by_the_new_card_from_its_moment_on(office: Office, billing: Billing) -> None:
    tenant_id, messages = await billing.new_tenant(), [uuid7() for _ in range(3)]
    with clock.frozen(NOON) as now:
        approved = await office.approve((await office.ask_card(DEARER)).json()["id"])
        effective_from = datetime.fromisoformat(approved.json()["result"]["effective_from"])
        for moment, message_id in zip(
            (NOON, effective_from - timedelta.resolution, effective_from), messages, strict=True
        ):
            now.at = moment
            await billing.feed(cleared(tenant_id, message_id))
    rows = await billing.rows("select price_micros, rate_card_version from reservations order by message_id")
    assert [tuple(row) for row in rows] == [(micros("6.00"), 2), (micros("6.00"), 2), (micros("7.00"), 3)]


async def test_a_card_is_listed_as_it_was_understood(office: Office) -> None:
    await office.approve((await office.ask_card(DEARER)).json()["id"])
    newest = (await office.call("GET", "/internal/rate-cards")).json()["data"][0]
    assert newest["card"] == WRITTEN
    seeded = (await office.call("GET", "/internal/rate-cards")).json()["data"][1]
    assert seeded["card"]["tiers"][-1] == [None, "0.30", "0.00"]
    assert seeded["approval_id"] is None


async def test_one_person_alone_changes_no_price(office: Office, billing: Billing) -> None:
    asked = await office.ask_card(DEARER)
    answer = await office.approve(asked.json()["id"], by="ann")
    assert (answer.status, answer.json()["title"]) == (403, "same_person")
    assert len(await versions(office)) == 2


async def test_a_card_that_was_refused_never_comes(office: Office) -> None:
    asked = await office.ask_card(DEARER)
    assert (await office.refuse(asked.json()["id"])).json()["state"] == "refused"
    assert (await office.approve(asked.json()["id"])).status == 409
    assert len(await versions(office)) == 2


async def test_a_card_that_waited_beyond_its_time_is_asked_for_again(office: Office) -> None:
    with clock.frozen(NOON) as now:
        asked = await office.ask_card(DEARER, (NOON + timedelta(minutes=1)).isoformat())
        now.advance(55)
        answer = await office.approve(asked.json()["id"])
        assert (answer.status, answer.json()["title"]) == (409, "time_passed")
        assert len(await versions(office)) == 2


async def test_a_card_that_would_be_known_after_its_moment_is_not_added(office: Office, owner: Any) -> None:
    with clock.frozen(NOON) as now:
        asked = await office.ask_card(DEARER)
        async with owner.transaction():
            await owner.execute("lock table rate_cards in share row exclusive mode")
            approving = asyncio.create_task(office.approve(asked.json()["id"]))
            await _is_awaited(owner)
            now.advance(4)
        answer = await approving
        assert (answer.status, answer.json()["title"]) == (409, "time_passed")
        assert len(await versions(office)) == 2
        assert (await office.approve(asked.json()["id"])).status == 200


async def _is_awaited(owner: Any) -> None:
    """Until somebody waits for the owner's lock."""
    waits = "select exists (select 1 from pg_locks where not granted and relation = 'rate_cards'::regclass)"
    for _ in range(1_000):
        if await owner.fetchval(waits):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody adds a card")


async def test_two_cards_for_one_moment_are_a_conflict(office: Office) -> None:
    with clock.frozen(NOON):
        asked = await office.ask_card(DEARER, TOMORROW.isoformat())
        again = await office.ask_card(DEARER, TOMORROW.astimezone(UTC).isoformat())
        assert again.json() == asked.json()
        other = await office.ask_card(DEARER | {"free_in_window": []}, TOMORROW.isoformat())
        assert (other.status, other.json()["title"]) == (409, "asked_differently")
        await office.approve(asked.json()["id"])
        late = await office.ask_card(DEARER, TOMORROW.isoformat())
        assert (late.status, late.json()["title"]) == (409, "time_taken")


async def test_two_cards_approved_at_once_are_two_versions(office: Office) -> None:
    asked = [await office.ask_card(DEARER, (datetime.now(UTC) + timedelta(days=day)).isoformat()) for day in (2, 1)]
    answers = await asyncio.gather(*(office.approve(one.json()["id"]) for one in asked))
    assert sorted(answer.json()["result"]["version"] for answer in answers) == [3, 4]


@pytest.mark.parametrize(
    "moment", ["2026-03-10T11:59:59Z", "2026-03-10T12:00:09Z", "2036-03-10T12:00:00Z", "9999-12-31T23:59:59-12:00"]
)
async def test_a_time_that_nobody_means_is_refused(office: Office, moment: str) -> None:
    with clock.frozen(NOON):
        answer = await office.ask_card(DEARER, moment)
    assert (answer.status, answer.json()["title"]) == (422, "wrong_time")
    assert answer.json()["detail"].startswith("effective_from: ")


@pytest.mark.parametrize("moment", ["tomorrow", "2026-03-11T12:00:00", 1_900_000_000, True, ""])
async def test_a_time_that_is_none_is_refused(office: Office, moment: Any) -> None:
    answer = await office.ask_card(DEARER, moment)
    assert answer.status == 422
    assert "effective_from" in answer.json()["detail"]


MALFORMED = {
    "a last tier with an end": ({"tiers": [[10, "1", "0"], [20, "1", "0"]]}, "card.tiers, row 2: the last tier"),
    "a price as a number": ({"tiers": [[10, "1", "0"], [None, 1.5, "0"]]}, "card.tiers, row 2: unit is 1.5"),
    "a negative price": ({"tiers": [[None, "-1", "0"]]}, "card.tiers, row 1: unit is '-1': a price is never negative"),
    "no tiers": ({"tiers": None}, "card.tiers: write 1"),
    "another currency": ({"currency": "USD"}, "card.currency: wallets are in RUB"),
    "no mode": ({"mode": None}, "card.mode: None is neither"),
    "an unknown field": ({"free": ["service"]}, "card.free: a card has no such field"),
    "an unknown category": ({"free_in_window": ["services"]}, "card.free_in_window: 'services' is no category"),
    "a category twice": ({"free_in_window": ["service", "service"]}, "card.free_in_window: a category stands there"),
    "categories as text": ({"free_in_entry_point": "service"}, "card.free_in_entry_point: write a list"),
    "a flat fee on a volume card": (
        {"mode": "volume", "tiers": [[10, "1", "0"], [None, "1", "2"]]},
        "card.tiers, row 2: a volume card that prices messages one by one has no flat fees",
    ),
}


@pytest.mark.parametrize(("change", "complaint"), MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_card_is_refused_whole(office: Office, change: dict[str, Any], complaint: str) -> None:
    answer = await office.ask_card(DEARER | change)
    assert (answer.status, answer.json()["title"]) == (422, "malformed_card")
    assert answer.json()["detail"].startswith(complaint)
    assert await office.waiting() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"card": DEARER},
        {"card": DEARER, "reason": " "},
        {"card": [], "reason": "x"},
        {"card": DEARER, "reason": "x", "version": 9},
        b'{"card": {"tiers": [[null, NaN, "0"]]}, "reason": "x"}',
        b'{"card": {"\\ud800": 1}, "reason": "x"}',
        b"{",
    ],
)
async def test_a_body_of_another_shape_is_never_a_500(office: Office, body: Any) -> None:
    answer = await office.call("POST", "/internal/rate-cards", body)
    assert answer.status in (400, 422)
    assert await office.waiting() == []


async def test_cards_are_for_staff(api: Api) -> None:
    for method, path in (
        ("GET", "/internal/rate-cards"),
        ("POST", "/internal/rate-cards"),
        ("GET", "/internal/approvals"),
    ):
        assert (await api.tenant.exchange(method, path, role="service")).status == 403  # type: ignore[arg-type]  # two words
        tenant = await api.tenant.exchange(method, path, role="tenant", tenant_id=uuid4())  # type: ignore[arg-type]  # the same
        assert tenant.status == 403


async def attack(billing: Billing, sql: str, **values: Any) -> str:
    """Run a statement as the service's own role; the SQLSTATE of its refusal."""
    try:
        async with billing.database.transaction() as connection:
            await connection.execute(text(sql), values)
    except DBAPIError as error:
        return sqlstate_of(error)
    return ""


ADD = "select add_rate_card(cast(:id as uuid), now() + interval '1 hour')"


async def test_a_card_comes_at_the_time_that_was_approved_with_it(office: Office, billing: Billing) -> None:
    effective_from = datetime.now(UTC) + timedelta(days=2)
    asked = UUID((await office.ask_card(DEARER, effective_from.isoformat())).json()["id"])
    approve = "update approvals set state = 'approved', decided_by = 'bob', decided_at = now() where id = :id"
    assert await attack(billing, approve, id=asked) == ""
    assert await attack(billing, ADD, id=asked) == "23001"
    add_in_time = "select add_rate_card(cast(:id as uuid), cast(:at as timestamptz))"
    assert await attack(billing, add_in_time, id=asked, at=effective_from) == ""


async def test_the_database_adds_no_card_that_two_people_did_not_approve(office: Office, billing: Billing) -> None:
    asked = UUID((await office.ask_card(DEARER)).json()["id"])
    insert = "insert into rate_cards (version, card, effective_from) values (9, '{}', now() + interval '1 hour')"
    assert await attack(billing, insert) == "42501"
    assert await attack(billing, ADD, id=asked) == "23001"
    assert await attack(billing, ADD, id=uuid4()) == "23001"
    await office.approve(str(asked))
    assert await attack(billing, ADD, id=asked) == "23505", "an approval is used once"
    limit = (await office.ask_limit(uuid7(), "1.00")).json()["id"]
    await office.approve(limit)
    assert await attack(billing, ADD, id=UUID(limit)) == "23001", "an approval of something else"
    assert len(await versions(office)) == 3
