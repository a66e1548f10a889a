"""The numbers and templates of an account: the tenant's own, page by page, with urls that lead to us."""

from typing import Any

import pytest

from tests.gateway.reading.conftest import PUBLIC
from tests.gateway.reading.stand import add_number, add_template, get, good
from tests.gateway.stand import WABA_ID, Gateway, Tenant
from tests.gateway.upstream.meta import Meta

TEMPLATES = f"{WABA_ID}/message_templates"
NUMBERS = f"{WABA_ID}/phone_numbers"


@pytest.fixture(scope="module")
async def mine(reads: Gateway) -> Tenant:
    """Has order_ready in Russian, as every tenant, and four more templates."""
    tenant = await reads.new_tenant()
    await add_template(reads, tenant, "order_ready", language="en_US")
    await add_template(reads, tenant, "sale", category="MARKETING")
    await add_template(reads, tenant, "code", category="AUTHENTICATION")
    await add_template(reads, tenant, "order_late")
    return tenant


def names(found: Any) -> list[tuple[str, str]]:
    return [(template["name"], template["language"]) for template in found["data"]]


async def test_templates_are_listed_in_the_order_of_their_registration(
    reads: Gateway, meta: Meta, mine: Tenant
) -> None:
    found = await good(reads, mine, TEMPLATES)
    assert names(found) == [
        ("order_ready", "ru"),
        ("order_ready", "en_US"),
        ("sale", "ru"),
        ("code", "ru"),
        ("order_late", "ru"),
    ]
    assert found["data"][2]["category"] == "MARKETING"
    assert "next" not in found["paging"]
    assert meta.asked == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=order_ready", ["order_ready", "order_ready"]),
        ("name=order", ["order_ready", "order_ready", "order_late"]),
        ("name=order_ready_not", []),
        ("language=en_US", ["order_ready"]),
        ("language=ru,en_US&name=ready", ["order_ready", "order_ready"]),
        ("category=marketing", ["sale"]),
        ("category=MARKETING,AUTHENTICATION", ["sale", "code"]),
        ('category=["MARKETING"]', ["sale"]),
        ("status=REJECTED", []),
        ("status=approved&category=UTILITY&language=ru", ["order_ready", "order_late"]),
    ],
)
async def test_filters_narrow_the_list(reads: Gateway, mine: Tenant, query: str, expected: list[str]) -> None:
    assert [name for name, _ in names(await good(reads, mine, f"{TEMPLATES}?{query}"))] == expected


async def test_pages_follow_one_another_by_cursor_and_by_url(reads: Gateway, mine: Tenant) -> None:
    whole = names(await good(reads, mine, TEMPLATES))
    first = await good(reads, mine, f"{TEMPLATES}?limit=2&fields=name,language&access_token=EAAx")
    assert names(first) == whole[:2]
    url = first["paging"]["next"]
    assert url.startswith(f"{PUBLIC}/v23.0/{TEMPLATES}?fields=name%2Clanguage&limit=2&after=")
    assert "EAAx" not in url
    second = await reads.ask("GET", url.removeprefix(PUBLIC), key=mine.api_key)
    assert names(second.json()) == whole[2:4]
    after = second.json()["paging"]["cursors"]["after"]
    last = await good(reads, mine, f"{TEMPLATES}?limit=2&after={after}")
    assert names(last) == whole[4:]
    assert list(last["paging"]) == ["cursors"]
    beyond = await good(reads, mine, f"{TEMPLATES}?after={last['paging']['cursors']['after']}")
    assert beyond == {"data": []}


async def test_a_summary_counts(reads: Gateway, mine: Tenant) -> None:
    found = await good(reads, mine, f"{TEMPLATES}?name=order&limit=1&summary=total_count,message_template_count")
    assert found["summary"] == {"total_count": 3, "message_template_count": 5}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=GONE", "status: GONE does not exist; choose from APPROVED"),
        ("category=SPAM,UTILITY", "category: SPAM does not exist"),
        ("limit=0", "limit: "),
        ("limit=101", "limit: "),
        ("limit=ten", "limit: "),
        ("after=nonsense!", "after: this is not a cursor of ours"),
        ("after=MDE5", "after: this is not a cursor of ours"),
        ("after=" + "A" * 200, "after: "),
        ("before=MDE5", "before: not supported"),
        ("content=x", "content: not supported"),
        ("summary=secrets", "summary: secrets is not known"),
        ("name=" + "x" * 600, "name: "),
        ("name=%25", "name: "),
        ("name=%00", "name: "),
        ("after=AA", "after: this is not a cursor of ours"),
        ("status=%00", "status: "),
    ],
)
async def test_a_bad_question_is_told_what_is_wrong_in_metas_envelope(
    reads: Gateway, mine: Tenant, query: str, words: str
) -> None:
    answer = await get(reads, mine, f"{TEMPLATES}?{query}")
    assert (answer.status, answer.error["code"]) == (400, 100)
    assert words in answer.error["error_data"]["details"]


async def test_numbers_are_listed_from_our_records_and_completed_by_meta(
    reads: Gateway, meta: Meta, mine: Tenant
) -> None:
    second = await add_number(reads, mine)
    meta.answers({"verified_name": "Сад", "quality_rating": "GREEN"})
    found = await good(reads, mine, f"{NUMBERS}?fields=id,verified_name")
    assert found["data"] == [{"id": id_, "verified_name": "Сад"} for id_ in sorted([mine.phone_number_id, second])]
    assert sorted(asked.path for asked in meta.asked) == sorted(
        f"/v23.0/{id_}" for id_ in (mine.phone_number_id, second)
    )
    tokens = {asked.authorization for asked in meta.asked}
    assert len(tokens) == 2, "each is asked about with its own token"


async def test_numbers_come_in_pages_of_25_at_most(reads: Gateway, meta: Meta) -> None:
    tenant = await reads.new_tenant()
    ids = sorted([tenant.phone_number_id, *[await add_number(reads, tenant) for _ in range(26)]])
    first = await good(reads, tenant, f"{NUMBERS}?fields=id&limit=100")
    assert [number["id"] for number in first["data"]] == ids[:25]
    rest = await reads.ask("GET", first["paging"]["next"].removeprefix(PUBLIC), key=tenant.api_key)
    assert [number["id"] for number in rest.json()["data"]] == ids[25:]
    assert await good(reads, tenant, f"{NUMBERS}?fields=id&after={rest.json()['paging']['cursors']['after']}") == {
        "data": []
    }


async def test_one_number_that_meta_refuses_ends_the_list_with_metas_words(
    reads: Gateway, meta: Meta, mine: Tenant
) -> None:
    meta.answers({"error": {"message": "(#80007) Rate limit issues", "code": 80007}}, 400)
    answer = await get(reads, mine, f"{NUMBERS}?fields=status")
    assert (answer.status, answer.error["code"]) == (429, 130429)
    assert answer.headers["Retry-After"]
