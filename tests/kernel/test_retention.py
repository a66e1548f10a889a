"""Days that are over are dropped by the service's role, in every table that is kept by days, and none too early."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.consent import retention as consent
from services.gateway import retention as gateway
from services.kernel import partitions
from services.kernel.db import Database
from tests.fixtures.infrastructure import SERVICES

MESSAGES_DAYS = 400
RETENTION: dict[str, tuple[dict[str, str], dict[str, int]]] = {
    "gateway": (gateway.PARTITIONED, gateway.days_kept(MESSAGES_DAYS)),
    "consent": (consent.PARTITIONED, consent.days_kept(MESSAGES_DAYS)),
}
UNUSED = {"billing": {"seen"}}  # its consumers are keyed by their own rows
SHORT = {"callback_told", "callback_log", "callback_attempts", "ad_referrals"}
PAGE = Path("docs/RETENTION.md")
ALL_TABLES = """
select relname from pg_class
 where relkind in ('r', 'p') and relnamespace = cast('public' as regnamespace) and not relispartition
"""
TABLES = "select relname from pg_class where relkind = 'p' and relnamespace = cast('public' as regnamespace)"
DAYS = """
select right(child.relname, 8) from pg_inherits join pg_class child on child.oid = inhrelid
 where inhparent = cast(:parent as regclass) and child.relname ~ '[0-9]{8}$'
   and to_date(right(child.relname, 8), 'YYYYMMDD') < current_date order by 1
"""
MAKE = "select make_day_partitions(:parent, :by_key, :behind, 1)"
STRAY = "insert into callback_log (tenant_id, sequence, made_at, facts) select gen_random_uuid(), n, :at, '' from {}"

MakeDatabase = Callable[[str], Awaitable[Database]]


async def days(database: Database, parent: str) -> list[str]:
    """Those that are past, the oldest first."""
    async with database.transaction() as connection:
        return list(await connection.scalars(text(DAYS), {"parent": parent}))


def named_on_the_page(service: str) -> set[str]:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {service.title()}\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall("`([a-z_]+)`", row)}


async def make(database: Database, parent: str, *, behind: int) -> None:
    parameters = {"parent": parent, "by_key": gateway.PARTITIONED[parent], "behind": behind}
    async with database.transaction() as connection:
        await connection.execute(text(MAKE), parameters)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_that_is_kept_by_days_has_days_ahead_and_an_end(
    make_database: MakeDatabase, service: str
) -> None:
    database = await make_database(service)
    async with database.transaction() as connection:
        tables = set(await connection.scalars(text(TABLES)))
    partitioned, kept = RETENTION.get(service, ({}, {}))
    assert tables - UNUSED.get(service, set()) == set(partitioned) == set(kept)
    assert set((await partitions.drop_old(database, kept)).values()) <= {0}


@pytest.mark.parametrize("service", SERVICES)
async def test_the_page_names_every_table_and_no_other(make_database: MakeDatabase, service: str) -> None:
    database = await make_database(service)
    async with database.transaction() as connection:
        tables = set(await connection.scalars(text(ALL_TABLES)))
    assert named_on_the_page(service) == tables - {"alembic_version"}


@pytest.mark.parametrize("service", list(RETENTION))
async def test_what_makes_a_repetition_harmless_is_dropped_no_earlier_than_it_can_come(
    make_database: MakeDatabase, service: str
) -> None:
    database = await make_database(service)
    for parent in set(RETENTION[service][0]) - SHORT:
        with pytest.raises(DBAPIError):
            await partitions.drop_old(database, {parent: partitions.REPEATED_DAYS - 1})


@pytest.mark.parametrize(
    "parent", ["outbox", "alembic_version", "idempotency_keys", "nothing", "messages; drop table outbox"]
)
async def test_no_other_table_loses_anything(make_database: MakeDatabase, parent: str) -> None:
    database = await make_database("gateway")
    with pytest.raises(DBAPIError):
        await partitions.drop_old(database, {parent: 1_000})


@pytest.mark.parametrize("parent", ["callback_log", "callback_attempts"])
async def test_days_go_whole_when_they_are_over_and_the_last_one_that_is_kept_stays(
    make_database: MakeDatabase, parent: str
) -> None:
    database = await make_database("gateway")
    await make(database, parent, behind=20)
    assert await partitions.drop_old(database, {parent: 14}) == {parent: 6}
    oldest = datetime.now(UTC) - timedelta(days=14)
    assert (await days(database, parent))[0] == f"{oldest:%Y%m%d}"
    assert await partitions.drop_old(database, {parent: 14}) == {parent: 0}


async def test_rows_that_fell_into_the_default_go_as_well_and_younger_ones_stay(
    make_database: MakeDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "STRAYS_MAX", 2)
    database = await make_database("gateway")
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        for count, age in ((5, 40), (3, 13)):
            await connection.execute(
                text(STRAY.format(f"generate_series(1, {count}) as n")), {"at": now - timedelta(days=age)}
            )
    assert await partitions.drop_old(database, {"callback_log": 14}) == {"callback_log": 5}
    async with database.transaction() as connection:
        left = list(await connection.scalars(text("select made_at from callback_log")))
    assert left == [now - timedelta(days=13)] * 3


async def test_strays_of_a_table_of_ids_are_known_by_the_time_in_the_id(make_database: MakeDatabase) -> None:
    database = await make_database("gateway")
    await make(database, "message_wamids", behind=1)
    add = """insert into message_wamids (tenant_id, wamid_index, id)
             values (gen_random_uuid(), :name, cast(rpad(lpad(to_hex(cast(:ms as bigint)), 12, '0') || '7', 32, '0')
                     as uuid))"""
    now = datetime.now(UTC)
    async with database.transaction() as connection:
        for age in (0, 96, 99):
            at = now - timedelta(days=age)
            await connection.execute(text(add), {"name": str(age), "ms": int(at.timestamp() * 1_000)})
    assert await partitions.drop_old(database, {"message_wamids": 97}) == {"message_wamids": 1}
    async with database.transaction() as connection:
        assert set(await connection.scalars(text("select wamid_index from message_wamids"))) == {"0", "96"}


async def test_a_worker_that_finds_another_at_it_has_nothing_to_do(make_database: MakeDatabase) -> None:
    database = await make_database("gateway")
    await make(database, "callback_log", behind=20)
    async with database.transaction() as other:
        parameters = {"parent": "callback_log", "days_kept": 14, "strays_max": 1}
        assert await other.scalar(partitions._DROP, parameters) == 1
        assert await partitions.drop_old(database, {"callback_log": 14}) == {"callback_log": 0}
    assert await partitions.drop_old(database, {"callback_log": 14}) == {"callback_log": 5}
    assert len(await days(database, "callback_log")) == 14


async def test_a_table_in_use_is_not_waited_for_long_and_is_tried_again(make_database: MakeDatabase) -> None:
    database = await make_database("gateway")
    await make(database, "callback_log", behind=16)
    stop = asyncio.Event()
    async with database.transaction() as user:
        await user.execute(text("select count(*) from callback_log"))
        keeping = asyncio.create_task(partitions.keep(database, {}, stop, days_kept={"callback_log": 14}))
        await asyncio.sleep(1.5)
        assert len(await days(database, "callback_log")) == 16
        assert not keeping.done()
    async with asyncio.timeout(10):
        while len(await days(database, "callback_log")) > 14:  # noqa: ASYNC110 - the database's doing
            await asyncio.sleep(0.1)
    stop.set()
    await keeping


async def test_dropping_is_lent_to_the_service_and_its_tables_stay_the_owners(make_database: MakeDatabase) -> None:
    database = await make_database("gateway")
    await make(database, "callback_log", behind=20)
    with pytest.raises(DBAPIError):
        async with database.transaction() as connection:
            await connection.execute(text(f"drop table callback_log_{datetime.now(UTC) - timedelta(days=20):%Y%m%d}"))
