"""The database's pool on a real server: what commits, what is refused, what is waited for."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, text

from services.kernel import db, migrate
from services.kernel.db import Database, SchemaTooOld
from services.kernel.errors import DEPENDENCY_ERRORS, is_retryable
from services.kernel.settings import DatabaseSettings
from tests.chaos.links.faults import BLACKHOLE, HALF_OPEN, LinkFault
from tests.chaos.links.process import LinkProcess
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.stand import database_down

GIVEN_UP_SECONDS = 8.0  # one for the statement, two for closing its connection, and a busy machine
MakeDatabase = Callable[[str], Awaitable[Database]]
ADD = text("insert into seen values ('kernel.test', gen_random_uuid(), now())")
COUNT = text("select count(*) from seen")
NOW = datetime.now(UTC)
PLANS_MADE_FIRST = 7  # PostgreSQL makes five for the values at hand before it keeps one
PROBE = text("""
    select one.event_id from unnest(cast(:ids as uuid[])) as asked (id) cross join lateral (
        select event_id from seen
         where group_name = 'kernel.test' and event_id = asked.id and occurred_at = :at
        offset 0
    ) one
""")
FILL = text("insert into seen select 'kernel.test', gen_random_uuid(), :at from generate_series(1, 20000)")
WHOLE_READS = text("select sum(seq_scan) from pg_stat_xact_user_tables where relname like 'seen%'")
KEPT = text("select sum(generic_plans) from pg_prepared_statements where statement like '%cross join lateral%'")


async def count(database: Database) -> int:
    async with database.transaction() as connection:
        return int(await connection.scalar(COUNT) or 0)


async def test_a_block_that_ends_is_committed_and_one_that_raises_is_not(make_database: MakeDatabase) -> None:
    database = await make_database("billing")
    async with database.transaction() as connection:
        await connection.execute(ADD)
    with suppress(ValueError):
        async with database.transaction() as connection:
            await connection.execute(ADD)
            raise ValueError
    assert await count(database) == 1


async def test_a_plan_kept_from_an_empty_table_reads_no_whole_table_later(
    make_database: MakeDatabase, infrastructure: Infrastructure
) -> None:
    made = await make_database("billing")
    name = str(made.engine.url.database)
    owner = await asyncpg.connect(f"{infrastructure.owners['billing'].rpartition('/')[0]}/{name}")
    await owner.execute("vacuum analyze seen")  # else PostgreSQL takes an empty table for one of ten pages
    await owner.close()
    settings = servers.database_settings(infrastructure, "billing", name)
    database = Database(settings, application_name="test", keeps_plans=True)
    async with database.transaction() as connection:
        for _ in range(PLANS_MADE_FIRST):
            await connection.execute(PROBE, {"ids": [], "at": NOW})
        await connection.execute(FILL, {"at": NOW})
    async with database.transaction() as connection:
        ids = (await connection.execute(text("select event_id from seen limit 100"))).scalars().all()
        before = await connection.scalar(WHOLE_READS)
        assert len((await connection.execute(PROBE, {"ids": ids, "at": NOW})).all()) == len(ids)
        assert await connection.scalar(WHOLE_READS) == before
        assert (await connection.execute(KEPT)).scalar_one() > 0
    await database.close()


async def test_the_newest_schema_is_accepted_and_an_older_one_refused(make_database: MakeDatabase) -> None:
    database = await make_database("gateway")
    newest = migrate.newest_revision(servers.migrations_of("gateway"))
    await database.require_schema(newest)
    await database.require_schema("0001_tenants")
    with pytest.raises(SchemaTooOld, match=f"{newest}.*9999_future.*run migrations"):
        await database.require_schema("9999_future")


async def test_an_empty_database_is_refused_with_what_to_do(infrastructure: Infrastructure) -> None:
    name = "kernel_test_empty"
    await servers._as_superuser(infrastructure, f"drop database if exists {name}")
    await servers._as_superuser(infrastructure, f"create database {name} owner billing_owner")
    database = Database(servers.database_settings(infrastructure, "billing", name), application_name="test")
    try:
        with pytest.raises(SchemaTooOld, match=r"nothing.*run migrations"):
            await database.require_schema("0001_ledger")
    finally:
        await database.close()
        await servers._as_superuser(infrastructure, f"drop database {name} with (force)")


async def test_a_database_that_comes_late_is_waited_for(
    make_database: MakeDatabase, infrastructure: Infrastructure
) -> None:
    database = await make_database("gateway")
    async with database_down(infrastructure, database):
        with pytest.raises(DEPENDENCY_ERRORS) as down:
            await database.check()
        assert is_retryable(down.value)
        waiting = asyncio.create_task(database.require_schema("0001_tenants"))
        await asyncio.sleep(0.3)
        assert not waiting.done()
    await waiting


async def test_no_server_at_all_is_an_outage() -> None:
    settings = DatabaseSettings(url=SecretStr("postgresql+asyncpg://nobody:x@127.0.0.1:1/none"))
    database = Database(settings, application_name="test")
    with pytest.raises(DEPENDENCY_ERRORS) as down:
        await database.check()
    assert is_retryable(down.value)


@pytest.mark.parametrize("fault", [LinkFault(HALF_OPEN), LinkFault(BLACKHOLE)], ids=str)
async def test_a_statement_on_a_connection_that_nobody_answers_on_is_an_outage_and_the_next_one_goes(
    make_database: MakeDatabase, infrastructure: Infrastructure, monkeypatch: pytest.MonkeyPatch, fault: LinkFault
) -> None:
    monkeypatch.setattr(db, "COMMAND_TIMEOUT_SECONDS", 1)
    made = await make_database("billing")
    url = make_url(
        servers.database_settings(infrastructure, "billing", str(made.engine.url.database)).url.get_secret_value()
    )
    with LinkProcess() as process:
        link = process.link("postgres")
        linked = url.set(host="127.0.0.1", port=link.door((str(url.host), int(url.port or 0))))
        settings = DatabaseSettings(url=SecretStr(linked.render_as_string(hide_password=False)))
        database = Database(settings, application_name="test")
        asking = asyncio.create_task(slow_question(database))
        await asyncio.sleep(0.3)
        async with link.fault(fault):
            with pytest.raises(TimeoutError) as silent:
                await asyncio.wait_for(asyncio.shield(asking), GIVEN_UP_SECONDS)
            assert is_retryable(silent.value)
        assert await asyncio.wait_for(count(database), GIVEN_UP_SECONDS) == 0
        await database.close()


async def slow_question(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("select pg_sleep(0.5)"))


async def test_parameters_stand_in_no_message_of_an_error(make_database: MakeDatabase) -> None:
    database = await make_database("gateway")
    with pytest.raises(DEPENDENCY_ERRORS) as failed:
        async with database.transaction() as connection:
            await connection.execute(
                text("insert into seen values (:a, :b, :c)"), {"a": "+79161234567", "b": None, "c": None}
            )
    assert "+79161234567" not in str(failed.value)


async def test_plans_are_made_for_the_values_at_hand_and_times_are_utc(make_database: MakeDatabase) -> None:
    database = await make_database("gateway")
    async with database.transaction() as connection:
        shown = [await connection.scalar(text(f"show {name}")) for name in ("plan_cache_mode", "jit", "timezone")]
    assert shown == ["force_custom_plan", "off", "UTC"]
