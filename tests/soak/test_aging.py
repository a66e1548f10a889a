"""A young stack gets the past of an old one, and the services treat it as their own."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from deploy.local.stack import Stack
from services.gateway.idempotency.service import prune_idempotency_keys
from services.kernel import partitions
from services.kernel.db import Database
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.messages.stand import Desk, Story
from tests.soak import aging

SERVICES = ("gateway", "consent", "billing")


@pytest.fixture
async def databases(make_database: Callable[[str], Awaitable[Database]]) -> dict[str, Database]:
    return {service: await make_database(service) for service in SERVICES}


@pytest.fixture
async def stack(databases: dict[str, Database], infrastructure: Infrastructure) -> Stack:
    """Of a stack, only what `aging` asks for: the addresses of its databases."""
    names: dict[str, str] = {}
    for service, database in databases.items():
        async with database.transaction() as connection:
            names[service] = str(await connection.scalar(text("select current_database()")))

    def dsn(role: str, service: str) -> str:
        address = infrastructure.superuser if role == "postgres" else infrastructure.owners[service]
        return re.sub("/[^/]*$", f"/{names[service]}", address)

    return cast(Stack, SimpleNamespace(infrastructure=SimpleNamespace(postgres=SimpleNamespace(dsn=dsn))))


async def test_messages_move_to_the_last_day_of_last_month_in_every_table(
    stack: Stack, databases: dict[str, Database]
) -> None:
    desk = Desk(databases["gateway"])
    await desk.add_number()
    story, other = Story(), Story()
    for one in (story, other):
        await desk.fund(one)
        await desk.tell(one.status("sent"))
    days = aging.days_to_last_month()
    old_id = aging.earlier(story.id, days)
    await aging.move(stack, [story.id], days)
    last_day = datetime.now(UTC).replace(day=1) - timedelta(days=1)
    for table in ("messages", "message_bodies", "message_wamids"):
        rows = await desk.rows(f"select id, cast(tableoid as regclass)::text as day from {table} order by id")
        assert [(row.id, row.day) for row in rows][:1] == [(old_id, f"{table}_{last_day:%Y%m%d}")]
        assert [row.id for row in rows] == sorted([old_id, other.id])
    known = await aging.rows_of(stack, [old_id])
    assert {name: len(rows) for name, rows in known.items() if name.startswith("gateway.")} == {
        "gateway.messages": 1, "gateway.message_bodies": 1, "gateway.message_wamids": 1,
    }  # fmt: skip


def test_an_id_keeps_everything_but_its_time() -> None:
    now = Story().id
    old = aging.earlier(now, 31)
    assert (now.int - old.int) == 31 * 86_400_000 << 80
    assert old.hex[12:] == now.hex[12:]


async def test_a_day_that_is_over_is_dropped_by_the_service_and_no_other(
    stack: Stack, databases: dict[str, Database]
) -> None:
    for service, (by_key, _) in aging.BY_DAYS.items():
        await partitions.ensure(databases[service], by_key)
    before = await aging.days(stack)
    planted = await aging.plant_old_days(stack)
    assert len(planted) == sum(len(parents) for parents, _ in aging.BY_DAYS.values())
    assert await aging.days(stack) == before | planted
    for service, (_, kept) in aging.BY_DAYS.items():
        await partitions.drop_old(databases[service], kept)
    assert await aging.days(stack) == before


async def test_planted_keys_come_to_their_end_at_the_pace_that_was_asked_for(
    stack: Stack, databases: dict[str, Database]
) -> None:
    assert await aging.plant_keys(stack, uuid4(), per_second=10, seconds=60) == 600
    async with databases["gateway"].transaction() as connection:
        assert await prune_idempotency_keys(connection) < 300  # those of the seconds since then
    await _an_hour_later(stack)
    async with databases["gateway"].transaction() as connection:
        await prune_idempotency_keys(connection)
        assert await connection.scalar(text("select count(*) from idempotency_keys")) == 0


async def _an_hour_later(stack: Stack) -> None:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
        stack.infrastructure.postgres.dsn("postgres", "gateway")
    )
    await connection.execute("update idempotency_keys set created_at = created_at - interval '1 hour'")
    await connection.close()


def test_the_ids_of_a_day_lie_between_its_bounds() -> None:
    day = datetime(2026, 10, 31, tzinfo=UTC).date()
    inside = UUID(int=int(datetime(2026, 10, 31, 12, tzinfo=UTC).timestamp() * 1_000) << 80)
    assert aging._bound(day) < inside < aging._bound(day + timedelta(days=1))
