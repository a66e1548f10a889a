"""What a batch costs does not grow with the table, also while the table is young and has no statistics."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from services.gateway.contents import repository as contents
from services.gateway.messages import repository
from services.gateway.messages import service as messages
from services.gateway.reports import repository as kept
from services.gateway.reports import service as reports
from services.kernel import clock, partitions
from services.kernel.db import Database
from services.kernel.identifiers import first_uuid7
from tests.gateway.messages.stand import Desk, Story

BATCH = 500
OLD_ROWS = 20_000
OLDER = """
with old as (
    insert into messages (tenant_id, id, state)
    select :tenant, cast(lpad(to_hex(cast(:first_ms as bigint) + n), 12, '0') || '7' || lpad('', 19, '8') as uuid), 7
      from generate_series(1, cast(:count as int)) as n
    returning tenant_id, id
)
insert into message_bodies (tenant_id, id, body) select tenant_id, id, '' from old
"""
STATEMENTS: dict[str, tuple[TextClause, int]] = {
    "lock": (repository._LOCK, BATCH),
    "ended": (repository._ENDED, 0),
    "acceptances": (repository._ACCEPTANCES, BATCH),
    "wamids": (repository._WAMIDS, BATCH),
    "bodies": (contents._BODIES, BATCH),
}


@pytest.fixture
async def desk(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    desk = Desk(await make_database("gateway"))
    await desk.add_number()
    await partitions.ensure(desk.database, {"messages": "uuid7", "message_bodies": "uuid7"})
    return desk


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def plan(desk: Desk, statement: TextClause, parameters: dict[str, Any]) -> dict[str, Any]:
    async with desk.database.transaction() as connection:
        explained = text("explain (analyze, timing off, format json) " + statement.text)
        found: list[dict[str, Any]] = await connection.scalar(explained, parameters)
    result: dict[str, Any] = found[0]["Plan"]
    return result


async def test_a_batch_reads_its_own_rows_and_no_others(desk: Desk) -> None:
    stories = [Story() for _ in range(BATCH)]
    first_ms = (stories[0].id.int >> 80) - OLD_ROWS
    await desk.run(OLDER, tenant=stories[0].tenant_id, first_ms=first_ms, count=OLD_ROWS)
    await desk.tell(*(story.accepted() for story in stories))
    columns = {"tenant_ids": [story.tenant_id for story in stories], "ids": [story.id for story in stories]}
    for name, (statement, count) in STATEMENTS.items():
        found = list(nodes(await plan(desk, statement, dict(repository._bounded(columns)))))
        assert found[0]["Actual Rows"] == count, name
        assert not any(node.get("Rows Removed by Join Filter") for node in found), name
        scans = [node for node in found if "Relation Name" in node]
        assert sum(node["Actual Rows"] * node["Actual Loops"] for node in scans) <= BATCH, name


async def test_a_name_is_looked_for_only_in_the_days_that_can_hold_it(desk: Desk) -> None:
    await desk.run("select make_day_partitions('message_wamids', 'uuid7', 40, 7)")
    now = clock.now()
    bounds = {"first_id": first_uuid7(now - timedelta(days=3)), "last_id": first_uuid7(now)}
    story = Story()
    asked = {"tenant_ids": [story.tenant_id], "wamid_indexes": [story.wamid_index]}
    found = nodes(await plan(desk, repository._MATCH, asked | bounds))
    looked_at = {node["Relation Name"] for node in found if "Relation Name" in node}
    assert looked_at == {f"message_wamids_{now - timedelta(days=age):%Y%m%d}" for age in range(4)}


async def test_a_kept_report_is_looked_for_among_messages_that_may_have_been_sent_since(desk: Desk) -> None:
    """Not in the whole quarter that a report which has just come may be about."""
    await desk.run("select make_day_partitions('message_wamids', 'uuid7', 105, 7)")
    await desk.tell(Story().status("sent", is_named=False))
    first_id, last_id = messages.to_be_named(clock.now() - timedelta(days=reports.KEEP_DAYS))
    asked = {"count": BATCH, "days": reports.KEEP_DAYS, "first_id": first_id, "last_id": last_id}
    found = nodes(await plan(desk, kept._TAKE_MATCHED, asked))
    looked_at = {node["Relation Name"] for node in found if "message_wamids" in node.get("Relation Name", "")}
    assert 38 <= len(looked_at) <= 42
