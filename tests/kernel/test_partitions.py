"""Partitions by the time inside the fact, made by the service's role, which may make nothing else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from services.kernel import partitions
from services.kernel.db import Database
from services.kernel.errors import sqlstate_of
from services.kernel.identifiers import uuid7
from services.kernel.settings import DatabaseSettings
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure

TABLES = {"seen": "time", "things": "uuid7"}
THINGS = """
    create table things (id uuid primary key) partition by range (id);
    create table things_default partition of things default;
    grant select, insert, update, delete on things to gateway
"""
PLACE = "select tableoid::regclass::text from {} where {} = :value"


@pytest.fixture(scope="module")
async def template(infrastructure: Infrastructure) -> str:
    return await servers.make_template(infrastructure, "gateway", Path("tests/kernel/migrations"))


@pytest.fixture
async def database(infrastructure: Infrastructure, template: str) -> AsyncIterator[Database]:
    async with servers.fresh_database(infrastructure, "gateway", template) as database:
        owner = servers.database_settings(infrastructure, "gateway", str(database.engine.url.database)).owner_url
        assert owner is not None
        as_owner = Database(DatabaseSettings(url=owner), application_name="test")
        async with as_owner.transaction() as connection:
            for statement in THINGS.split(";"):
                await connection.execute(text(statement))
        await as_owner.close()
        yield database


async def names(database: Database, parent: str) -> list[str]:
    async with database.transaction() as connection:
        rows = await connection.execute(
            text("select inhrelid::regclass::text as name from pg_inherits where inhparent = cast(:p as regclass)"),
            {"p": parent},
        )
        return sorted(row.name for row in rows)


def expected(parent: str) -> list[str]:
    today = datetime.now(UTC)
    days = [today + timedelta(days=day) for day in range(-partitions.DAYS_BEHIND, partitions.DAYS_AHEAD + 1)]
    return sorted([f"{parent}_default", *(f"{parent}_{day:%Y%m%d}" for day in days)])


async def add_thing(database: Database, id_: UUID) -> str:
    async with database.transaction() as connection:
        await connection.execute(text("insert into things values (:i)"), {"i": id_})
        return str(await connection.scalar(text(PLACE.format("things", "id")), {"value": id_}))


async def test_the_days_around_today_are_made_once_however_often_and_by_however_many(database: Database) -> None:
    for _ in range(2):
        await partitions.ensure(database, TABLES)
    for parent in TABLES:
        assert await names(database, parent) == expected(parent)


async def test_two_workers_that_begin_together_do_not_get_in_each_others_way(database: Database) -> None:
    await asyncio.gather(*(partitions.ensure(database, TABLES) for _ in range(4)))
    assert await names(database, "things") == expected("things")


async def test_an_id_minted_now_lies_in_todays_partition(database: Database) -> None:
    await partitions.ensure(database, TABLES)
    before = datetime.now(UTC)
    place = await add_thing(database, UUID(str(uuid7())))
    assert place in {f"things_{moment:%Y%m%d}" for moment in (before, datetime.now(UTC))}


async def test_the_first_and_the_last_id_of_a_day_lie_in_its_partition(database: Database) -> None:
    await partitions.ensure(database, TABLES)
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    first = int(day.timestamp() * 1000) << 80
    after = int((day + timedelta(days=1)).timestamp() * 1000) << 80
    assert await add_thing(database, UUID(int=first)) == f"things_{day:%Y%m%d}"
    assert await add_thing(database, UUID(int=after - 1)) == f"things_{day:%Y%m%d}"
    assert await add_thing(database, UUID(int=first - 1)) == f"things_{day - timedelta(days=1):%Y%m%d}"


async def test_a_fact_lies_with_the_time_it_carries_and_one_of_no_day_in_the_default(database: Database) -> None:
    await partitions.ensure(database, TABLES)
    now = datetime.now(UTC)
    insert = text("insert into seen values ('g', gen_random_uuid(), :at)")
    async with database.transaction() as connection:
        for at in (now, now - timedelta(days=300)):
            await connection.execute(insert, {"at": at})
        places = [
            await connection.scalar(text(PLACE.format("seen", "occurred_at")), {"value": at})
            for at in (now, now - timedelta(days=300))
        ]
    assert places == [f"seen_{now:%Y%m%d}", "seen_default"]


async def test_a_day_whose_rows_came_before_its_partition_stays_in_the_default_and_stops_nobody(
    database: Database,
) -> None:
    early = UUID(str(uuid7()))
    assert await add_thing(database, early) == "things_default"
    await partitions.ensure(database, TABLES)
    assert len(await names(database, "things")) == len(expected("things")) - 1
    assert await add_thing(database, UUID(str(uuid7()))) == "things_default"


async def test_rows_that_move_on_have_room_in_their_pages(database: Database) -> None:
    await partitions.ensure(database, TABLES)
    async with database.transaction() as connection:
        options = await connection.scalar(
            text("select reloptions from pg_class where relname = :name"), {"name": expected("things")[0]}
        )
    assert options == ["fillfactor=70"]


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (id int)",
        "create table things_20991231 partition of things default",
        "drop table seen",
        "alter table things add column more text",
        "truncate seen",
        "create index on seen (event_id)",
        "create function f() returns int language sql as 'select 1'",
        "create schema mine",
    ],
)
async def test_the_services_role_may_run_no_other_ddl(database: Database, statement: str) -> None:
    with pytest.raises(ProgrammingError) as refused:
        async with database.transaction() as connection:
            await connection.execute(text(statement))
    assert sqlstate_of(refused.value) == "42501"  # insufficient privilege


@pytest.mark.parametrize(
    ("parent", "by_key"),
    [
        ("things", "size"),
        ("nothing", "time"),
        ("alembic_version", "time"),
        ("things; drop table seen", "uuid7"),
        ("pg_class", "time"),
    ],
)
async def test_the_lent_function_makes_day_partitions_of_our_tables_only(
    database: Database, parent: str, by_key: str
) -> None:
    with pytest.raises(DBAPIError):
        await partitions.ensure(database, {parent: by_key})
    assert await names(database, "seen") == ["seen_default"]


async def test_keeping_ends_when_it_is_told_to(database: Database) -> None:
    stop = asyncio.Event()
    keeping = asyncio.create_task(partitions.keep(database, TABLES, stop))
    async with asyncio.timeout(10):
        while await names(database, "things") != expected("things"):  # noqa: ASYNC110 - the database's doing
            await asyncio.sleep(0.02)
        stop.set()
        await keeping
