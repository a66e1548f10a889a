"""A tenant lists its messages: newest first, in pages that fit together, and only its own."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.history.service import RANGE_MAX
from tests.gateway.history.stand import id_at, page, person_of, read, told, walk
from tests.gateway.messages.stand import Desk, Story
from tests.gateway.stand import Gateway, Tenant

PHONE = "+79031234567"


@pytest.fixture
async def fresh(gateway: Gateway) -> Tenant:
    return await gateway.new_tenant()


def ids(found: Any) -> list[str]:
    return [message["id"] for message in found["data"]]


def newest_first(*stories: Story) -> list[str]:
    return [str(story.id) for story in reversed(stories)]


async def several(desk: Desk, tenant: Tenant, count: int, *names: str, **more: Any) -> list[Story]:
    return [await told(desk, tenant, *(names or ("accepted",)), **more) for _ in range(count)]


async def test_messages_are_listed_newest_first_as_they_are_read_one_by_one(
    gateway: Gateway, desk: Desk, fresh: Tenant
) -> None:
    stories = [
        await told(desk, fresh, "accepted"),
        await told(desk, fresh, "accepted", "funded", "sent", "delivered"),
        await told(desk, fresh, "accepted", "refused"),
    ]
    found = await page(gateway, fresh)
    assert ids(found) == newest_first(*stories)
    assert found["paging"] == {"next": None}
    for message in found["data"]:
        single = await read(gateway, fresh, message["id"])
        assert message == {name: value for name, value in single.items() if name != "trace"}


async def test_a_tenant_without_messages_gets_an_empty_page(gateway: Gateway, fresh: Tenant) -> None:
    assert await page(gateway, fresh) == {"data": [], "paging": {"next": None}}


async def test_pages_fit_together(gateway: Gateway, desk: Desk, fresh: Tenant) -> None:
    stories = await several(desk, fresh, 7)
    assert await walk(gateway, fresh, limit=3) == [
        newest_first(*stories)[0:3],
        newest_first(*stories)[3:6],
        newest_first(*stories)[6:],
    ]
    assert [len(one) for one in await walk(gateway, fresh, limit=7)] == [7]


async def test_what_is_accepted_meanwhile_changes_nothing_on_later_pages(
    gateway: Gateway, desk: Desk, fresh: Tenant
) -> None:
    stories = await several(desk, fresh, 4)
    first = await page(gateway, fresh, limit=2)
    await several(desk, fresh, 3)
    second = await page(gateway, fresh, limit=2, cursor=first["paging"]["next"])
    assert ids(first) + ids(second) == newest_first(*stories)
    assert second["paging"]["next"] is None


async def test_a_walk_beside_writers_sees_everything_that_was_there_once(
    gateway: Gateway, desk: Desk, fresh: Tenant
) -> None:
    stories = await several(desk, fresh, 30)
    walking = asyncio.create_task(walk(gateway, fresh, limit=2))
    while not walking.done():
        await told(desk, fresh, "accepted")
    seen = [id_ for one in await walking for id_ in one]
    assert len(seen) == len(set(seen))
    assert set(newest_first(*stories)) <= set(seen)


async def test_another_tenants_messages_are_never_listed(
    gateway: Gateway, desk: Desk, fresh: Tenant, tenant: Tenant
) -> None:
    phone_index = await person_of(gateway, tenant, PHONE)
    theirs = await told(desk, tenant, "accepted", person=phone_index)
    mine = await told(desk, fresh, "accepted", person=phone_index)  # even where a person's index were the same
    for filters in ({}, {"phone_number_id": tenant.phone_number_id}, {"person": PHONE}, {"state": "accepted"}):
        assert str(theirs.id) not in ids(await page(gateway, fresh, **filters))
    cursor = (await page(gateway, tenant, limit=1))["paging"]["next"]
    if cursor:  # a cursor of another tenant belongs to another question
        answer = await gateway.ask("GET", f"/v1/messages?limit=1&cursor={cursor}", key=fresh.api_key)
        assert answer.status == 422
    assert ids(await page(gateway, fresh)) == [str(mine.id)]


async def test_states_narrow_the_list_and_may_be_several(gateway: Gateway, desk: Desk, fresh: Tenant) -> None:
    accepted = await told(desk, fresh, "accepted")
    failed = await told(desk, fresh, "accepted", "refused")
    funded = await told(desk, fresh, "accepted", "funded")
    assert ids(await page(gateway, fresh, state="failed")) == [str(failed.id)]
    assert ids(await page(gateway, fresh, state=["accepted", "funded"])) == newest_first(accepted, funded)
    assert ids(await page(gateway, fresh, state="read")) == []


async def test_a_number_narrows_the_list(gateway: Gateway, desk: Desk, fresh: Tenant) -> None:
    mine = await told(desk, fresh, "accepted")
    await told(desk, fresh, "accepted", phone_number_id="777")
    assert ids(await page(gateway, fresh, phone_number_id=fresh.phone_number_id)) == [str(mine.id)]
    assert ids(await page(gateway, fresh, phone_number_id="999")) == []


@pytest.mark.parametrize("spelling", [PHONE, "7 903 123-45-67", "%2B79031234567", "+7 (903) 1234567"])
async def test_a_persons_messages_are_found_by_the_number(
    gateway: Gateway, desk: Desk, fresh: Tenant, spelling: str
) -> None:
    mine = await told(desk, fresh, "accepted", person=await person_of(gateway, fresh, PHONE))
    await told(desk, fresh, "accepted")
    answer = await gateway.ask("GET", f"/v1/messages?person={spelling}", key=fresh.api_key)
    assert ids(answer.json()) == [str(mine.id)]
    assert PHONE[1:] not in answer.body.decode()


async def test_a_template_is_found_by_its_name_in_every_language(gateway: Gateway, desk: Desk, fresh: Tenant) -> None:
    template_ids = await _templates(gateway, fresh, "spring_sale", "ru", "en")
    stories = await several(desk, fresh, 3)
    for story, template_id in zip(stories, template_ids, strict=False):
        await desk.run("update messages set template_id = :t where id = :i", t=template_id, i=story.id)
    assert ids(await page(gateway, fresh, template="spring_sale")) == newest_first(*stories[:2])
    assert ids(await page(gateway, fresh, template="no_such_template")) == []


async def _templates(gateway: Gateway, tenant: Tenant, name: str, *languages: str) -> list[str]:
    made = []
    for language in languages:
        body = {"waba_id": "100200300400", "name": name, "language": language, "category": "marketing"}
        components = [{"type": "BODY", "text": "Скидки"}]
        answer = await gateway.staff(f"/internal/tenants/{tenant.id}/templates", body | {"components": components})
        assert answer.status == 201, answer.body
        made.append(answer.json()["id"])
    return made


async def test_times_of_acceptance_bound_the_list(gateway: Gateway, desk: Desk, fresh: Tenant) -> None:
    now = datetime.now(UTC)
    days = [now - timedelta(days=number, seconds=5) for number in (9, 3, 1)]
    old, middle, new = [await told(desk, fresh, "accepted", id=id_at(day.timestamp()), began=day) for day in days]
    assert ids(await page(gateway, fresh)) == newest_first(middle, new), "seven days when nothing is said"
    since = (now - timedelta(days=10)).isoformat()
    until = (now - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(await page(gateway, fresh, from_=since)) == newest_first(old, middle, new)
    assert ids(await page(gateway, fresh, from_=since, to=until)) == newest_first(old, middle)
    assert ids(await page(gateway, fresh, to=until)) == newest_first(old, middle)[:1], "seven days before `to`"
    exactly = days[1].replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert ids(await page(gateway, fresh, from_=exactly)) == newest_first(middle, new), "`from` is part of the range"
    assert ids(await page(gateway, fresh, from_=since, to=exactly)) == [str(old.id)], "`to` is not"


async def test_a_page_looks_at_a_bounded_number_of_messages_and_goes_on_where_it_stopped(
    gateway: Gateway, desk: Desk, fresh: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.history.service.SCAN_ROWS_MAX", 3)
    rare = await told(desk, fresh, "accepted", "refused")
    await several(desk, fresh, 7)
    assert await walk(gateway, fresh, state="failed", limit=5) == [[], [], [str(rare.id)]]


async def test_half_a_message_is_not_listed(gateway: Gateway, desk: Desk, fresh: Tenant) -> None:
    whole = await told(desk, fresh, "accepted")
    await told(desk, fresh, "funded")
    assert [id_ for one in await walk(gateway, fresh, limit=1) for id_ in one] == [str(whole.id)]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("state=gone", "state.0: Input should be 'accepted'"),
        ("phone_number_id=abc", "phone_number_id: "),
        ("person=12", "person: this is not a phone number"),
        ("person=" + "7" * 500, "person: "),
        ("template=Not%20a%20name", "template: "),
        ("from=yesterday", "from: this is no RFC 3339 time"),
        ("from=1763800000", "from: this is no RFC 3339 time"),
        ("from=2026-11-22T10:00:00", "from: this is no RFC 3339 time with a zone"),
        ("from=2026-11-22T10:00:00+03:00", "write 2026-11-22T10:00:00Z, and a + as %2B"),
        ("to=2026-13-22T10:00:00Z", "to: "),
        ("from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z", "from must be before to"),
        ("from=2026-01-01T00:00:00Z&to=2026-11-01T00:00:00Z", f"more than {RANGE_MAX.days} days apart"),
        ("from=2999-01-01T00:00:00Z", "from must be before to"),
        ("to=0001-01-03T00:00:00Z", "to: this is before the year 2000"),
        ("limit=0", "limit: "),
        ("limit=101", "limit: "),
        ("limit=ten", "limit: "),
        ("cursor=", "cursor: "),
        ("cursor=nonsense", "cursor: this is not a cursor of ours"),
        ("cursor=%D0%BF%D1%80", "cursor: this is not a cursor of ours"),
        ("cursor=" + "A" * 52, "cursor: this is not a cursor of ours"),
        ("cursor=" + "A" * 1_000, "cursor: "),
        ("page=2", "page: Extra inputs are not permitted"),
    ],
)
async def test_a_bad_question_is_told_what_is_wrong_with_it(
    gateway: Gateway, tenant: Tenant, query: str, words: str
) -> None:
    answer = await gateway.ask("GET", f"/v1/messages?{query}", key=tenant.api_key)
    assert answer.status == 422, answer.body
    assert words in answer.json()["detail"]


async def test_a_cursor_belongs_to_its_filters(gateway: Gateway, desk: Desk, fresh: Tenant) -> None:
    await several(desk, fresh, 3)
    cursor = (await page(gateway, fresh, limit=1, state="accepted"))["paging"]["next"]
    assert len((await page(gateway, fresh, limit=2, state="accepted", cursor=cursor))["data"]) == 2
    answer = await gateway.ask("GET", f"/v1/messages?state=failed&cursor={cursor}", key=fresh.api_key)
    assert (answer.status, answer.json()["detail"][:34]) == (422, "cursor: it belongs to other filter")
    tampered = ("B" if cursor[0] != "B" else "C") + cursor[1:]
    answer = await gateway.ask("GET", f"/v1/messages?state=accepted&cursor={tampered}", key=fresh.api_key)
    assert answer.status == 422


async def test_nothing_is_listed_without_a_key(gateway: Gateway) -> None:
    for key in (None, "vk_wrong"):
        assert (await gateway.ask("GET", "/v1/messages", key=key)).status == 401
