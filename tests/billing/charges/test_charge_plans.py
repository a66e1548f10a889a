"""What the database does for one page, and for a month's usage, among a hundred thousand charges."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from services.billing.charges import repository
from services.billing.charges.service import SCAN_ROWS_MAX, Question, page
from services.billing.usage import repository as usage
from services.kernel.cursors import HIGHEST_ID, LOWEST_ID
from services.kernel.db import Database

COUNT = 100_000
LARGE, SMALL = UUID(int=1), UUID(int=2)
MONTH = datetime(2026, 3, 1, tzinfo=UTC)

# A second apart, through a month; each tenth is the small tenant's, each twenty-fifth was given back.
FILL = """
insert into reservations (tenant_id, message_id, state, decided_at, price_micros, currency, rate_card_version, is_free,
                          month, position, hold_expires_at, category, returned_at, return_cause, return_reason)
select cast(lpad(case when n % 10 = 0 then '2' else '1' end, 32, '0') as uuid),
       cast(rpad(lpad(to_hex(cast($1 as bigint) + n * 1000), 12, '0') || '7', 32, '0') as uuid),
       case when n % 25 = 0 then 'released' else 'reserved' end, now(), 0, 'RUB', 2, true, '2026-03-01', null, now(),
       'service', case when n % 25 = 0 then now() end, case when n % 25 = 0 then gen_random_uuid() end,
       case when n % 25 = 0 then 'failed' end
  from generate_series(1, cast($2 as int)) as n
"""
# As the procedures would have counted them.
COUNTED = """
insert into usage_months (tenant_id, month, category, is_free, currency, held, returned)
select tenant_id, month, category, is_free, currency, count(*) filter (where state = 'reserved'),
       count(*) filter (where state = 'released')
  from reservations group by 1, 2, 3, 4, 5
"""


@pytest.fixture
async def filled(database: Database, owner: asyncpg.Connection) -> Database:
    await owner.execute(FILL, int(MONTH.timestamp() * 1_000), COUNT)
    await owner.execute(COUNTED)
    await owner.execute("analyze reservations")
    await owner.execute("analyze usage_months")
    return database


async def plan(database: Database, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The looks into tables that were really made."""
    async with database.transaction() as connection:
        explained = await connection.scalar(text(f"explain (analyze, timing off, format json) {statement}"), parameters)
    found = json.loads(explained) if isinstance(explained, str) else explained
    return [node for node in nodes(found[0]["Plan"]) if "Relation Name" in node and node["Actual Loops"]]


def nodes(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield whole
    for child in whole.get("Plans", ()):
        yield from nodes(child)


def rows_read(looks: list[dict[str, Any]]) -> int:
    return int(
        sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in looks)
    )


def page_of(tenant_id: UUID, **more: Any) -> dict[str, Any]:
    wanted = {"tenant_id": tenant_id, "low": LOWEST_ID, "before": HIGHEST_ID, "states": None, "scan": 26, "count": 26}
    return wanted | more


@pytest.mark.parametrize("tenant_id", [LARGE, SMALL])
async def test_a_page_is_read_from_the_primary_key_and_no_further(filled: Database, tenant_id: UUID) -> None:
    looks = await plan(filled, repository._PAGE.text, page_of(tenant_id))
    assert {node["Node Type"] for node in looks} <= {"Index Scan", "Index Only Scan"}
    assert rows_read(looks) <= 2 * 26


async def test_a_rare_state_costs_a_bounded_number_of_rows(filled: Database) -> None:
    looks = await plan(filled, repository._PAGE.text, page_of(LARGE, states=["captured"], scan=SCAN_ROWS_MAX))
    assert {node["Node Type"] for node in looks} <= {"Index Scan", "Index Only Scan"}
    assert rows_read(looks) <= SCAN_ROWS_MAX


async def test_a_months_usage_is_read_without_looking_at_a_message(filled: Database) -> None:
    month = {"tenant_id": LARGE, "first": MONTH.date(), "last": MONTH.date()}
    looks = await plan(filled, usage._MONTHS.text, month)
    looks += await plan(filled, usage._POSITION.text, {"tenant_id": LARGE, "month": MONTH.date()})
    assert {node["Relation Name"] for node in looks} == {"usage_months"}
    assert rows_read(looks) <= 4
    async with filled.transaction() as connection:
        (counted,) = await usage.list_months(connection, LARGE, MONTH.date(), MONTH.date())
    assert (counted.held + counted.returned, counted.returned) == (COUNT * 9 // 10, COUNT // 50)


@pytest.mark.parametrize("tenant_id", [LARGE, SMALL])
async def test_walking_to_the_end_finds_every_charge_of_a_state_once(filled: Database, tenant_id: UUID) -> None:
    question = Question(tenant_id, None, None, ("released",))
    seen: list[UUID] = []
    cursor = None
    while True:
        async with filled.transaction() as connection:
            found = await page(connection, question, limit=100, cursor=cursor)
        seen += [row.message_id for row in found.rows]
        cursor = found.cursor
        if cursor is None:
            break
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == COUNT // 50
