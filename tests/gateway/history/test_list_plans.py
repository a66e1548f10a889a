"""What the database does for one page among a hundred thousand messages."""

import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.gateway.history import repository
from services.gateway.history.service import SCAN_ROWS_MAX, Question, page
from services.kernel.db import Database
from tests.fixtures.infrastructure import Infrastructure, sqlalchemy_url
from tests.gateway.history.stand import id_at

DAYS = 20
PERSONS = 2_000  # of the large tenant, who has most of the rows
LARGE, SMALL = UUID(int=1), UUID(int=2)
DAY_SECONDS = 86_400

# Evenly over the days; each tenth message is the small tenant's, each twenty-fifth has failed.
FILL = """
insert into messages (tenant_id, id, state, phone_number_id, person, kind, category, country, lane, position,
                      expires_at, accepted_at, error_code, error_reason)
select cast(lpad(case when n % 10 = 0 then '2' else '1' end, 32, '0') as uuid),
       cast(rpad(lpad(to_hex(cast(:first_ms as bigint) + n * cast(:step_ms as bigint)), 12, '0') || '7', 32, '0')
            as uuid),
       case when n % 25 = 0 then 8 else 7 end, '1',
       encode(sha256(cast(cast(n % cast(:persons as int) as text) as bytea)), 'hex'),
       'text', 'service', 'RU', 0, n, now(), now(),
       case when n % 25 = 0 then 131026 end, case when n % 25 = 0 then 'meta_refused' end
  from generate_series(1, cast(:count as int)) as n
"""
COUNT = 100_000


@pytest.fixture
async def filled(make_database: Callable[[str], Awaitable[Database]], infrastructure: Infrastructure) -> Database:
    database = await make_database("gateway")
    start = datetime.now(UTC) - timedelta(days=DAYS)
    step_ms = DAYS * DAY_SECONDS * 1_000 // (COUNT + 1)
    async with database.transaction() as connection:
        await connection.execute(text("select make_day_partitions('messages', 'uuid7', :d, 2)"), {"d": DAYS + 1})
        first_ms = int(start.timestamp() * 1_000)
        parameters = {"first_ms": first_ms, "step_ms": step_ms, "persons": PERSONS, "count": COUNT}
        await connection.execute(text(FILL), parameters)
    owner = create_async_engine(sqlalchemy_url(infrastructure.owners["gateway"], str(database.engine.url.database)))
    async with owner.begin() as connection:
        await connection.execute(text("analyze messages"))
    await owner.dispose()
    return database


async def plan(database: Database, *, days: int, person: str | None = None, **more: Any) -> dict[str, Any]:
    """The executed plan of one page of the last days."""
    now = datetime.now(UTC).timestamp()
    parameters = {
        "tenant_id": LARGE,
        "low": id_at(now - days * DAY_SECONDS),
        "before": id_at(now),
        "states": None,
        "phone_number_id": None,
        "template_ids": None,
        "scan": 26,
        "count": 26,
    } | more
    statement = repository._PAGE_OF_ALL
    if person is not None:
        statement, parameters = repository._PAGE_OF_PERSON, {**parameters, "person": person}
    async with database.transaction() as connection:
        explained = await connection.scalar(
            text(f"explain (analyze, timing off, format json) {statement.text}"), parameters
        )
    found = json.loads(explained) if isinstance(explained, str) else explained
    whole: dict[str, Any] = found[0]["Plan"]
    return whole


def nodes(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield whole
    for child in whole.get("Plans", ()):
        yield from nodes(child)


def scans(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """The looks into partitions that were really made."""
    return [
        node
        for node in nodes(whole)
        if str(node.get("Relation Name", "")).startswith("messages") and node["Actual Loops"]
    ]


async def test_a_page_is_read_from_the_keys_of_the_days_asked_for_and_no_further(filled: Database) -> None:
    looks = scans(await plan(filled, days=3))
    assert {node["Node Type"] for node in looks} <= {"Index Scan", "Index Only Scan"}
    assert len({node["Relation Name"] for node in looks}) <= 3 + 2, "the days' partitions, and the default one"
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in looks) <= 4 * 26


async def test_a_persons_page_is_read_from_the_persons_index(filled: Database) -> None:
    async with filled.transaction() as connection:
        person = await connection.scalar(text("select person from messages where state = 7 limit 1"))
    looks = scans(await plan(filled, days=DAYS - 1, person=person))
    assert any("hashtext" in node.get("Index Cond", "") for node in looks)
    assert {node["Node Type"] for node in looks} <= {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}
    assert sum(node.get("Rows Removed by Filter", 0) for node in looks) == 0
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in looks) <= 2 * COUNT // PERSONS


async def test_a_rare_state_costs_a_bounded_number_of_rows(filled: Database) -> None:
    looks = scans(await plan(filled, days=DAYS - 1, states=[0], scan=SCAN_ROWS_MAX))
    assert {node["Node Type"] for node in looks} <= {"Index Scan", "Index Only Scan"}
    assert sum(node["Actual Rows"] * node["Actual Loops"] for node in looks) <= SCAN_ROWS_MAX + DAYS + 2


@pytest.mark.parametrize("tenant_id", [LARGE, SMALL])
async def test_walking_to_the_end_finds_every_failed_message_of_the_tenant_once(
    filled: Database, tenant_id: UUID
) -> None:
    since = datetime.now(UTC) - timedelta(days=DAYS + 1)
    question = Question(tenant_id=tenant_id, since=since, until=None, states=(8,))
    seen: list[UUID] = []
    cursor = None
    while True:
        async with filled.transaction() as connection:
            found = await page(connection, question, limit=100, cursor=cursor)
        seen += [row.id for row in found.rows]
        cursor = found.cursor
        if cursor is None:
            break
    async with filled.transaction() as connection:
        expected = await connection.scalar(
            text("select count(*) from messages where tenant_id = :t and state = 8"), {"t": tenant_id}
        )
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == expected
