"""Text statements on the short way behave as SQLAlchemy's own: rows, counts, errors, transactions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import bindparam, event, text
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.exc import DBAPIError, IntegrityError, MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.ext.asyncio.exc import AsyncContextNotStarted
from sqlalchemy.types import Integer

from services.kernel.db import Database
from services.kernel.direct import DirectConnection, Rows
from services.kernel.errors import is_retryable, sqlstate_of
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure

MakeDatabase = Callable[[str], Awaitable[Database]]
PAIRS = text("select * from unnest(cast(:names as text[]), cast(:numbers as bigint[])) as pair (name, number)")
ADD = text("insert into seen values (:group_name, cast(:id as uuid), :at)")
COUNT = text("select count(*) from seen")
BACKEND = text("select pg_backend_pid()")
SLEEP = text("select pg_sleep(:seconds)")


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    return await make_database("billing")


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[AsyncConnection]:
    async with database.engine.connect() as connection:
        yield connection


def row(group: str = "kernel.test") -> dict[str, Any]:
    return {"group_name": group, "id": uuid4(), "at": datetime.now(UTC)}


async def test_rows_have_names_numbers_and_everything_that_rows_of_sqlalchemy_have(
    connection: AsyncConnection,
) -> None:
    result = await connection.execute(PAIRS, {"names": ["a", "b"], "numbers": [1, 2]})
    assert isinstance(result, Rows)
    first, second = result.all()
    assert (first.name, first[1], first._mapping["number"], second._asdict()) == ("a", 1, 1, {"name": "b", "number": 2})
    name, number = second
    assert (name, number, tuple(second)) == ("b", 2, ("b", 2))


async def test_each_way_to_take_rows_works(connection: AsyncConnection) -> None:
    one, two = ({"names": ["a", "b"][:n], "numbers": [1, 2][:n]} for n in (1, 2))
    assert await connection.scalar(PAIRS, two) == "a"
    assert (await connection.scalars(PAIRS, two)).all() == ["a", "b"]
    assert [found.number for found in await connection.execute(PAIRS, two)] == [1, 2]
    assert (await connection.execute(PAIRS, one)).one() == ("a", 1)
    assert (await connection.execute(PAIRS, two)).mappings().all()[1]["name"] == "b"
    nothing: dict[str, list[Any]] = {"names": [], "numbers": []}
    assert (await connection.execute(PAIRS, nothing)).one_or_none() is None
    with pytest.raises(NoResultFound):
        (await connection.execute(PAIRS, nothing)).one()
    with pytest.raises(MultipleResultsFound):
        (await connection.execute(PAIRS, two)).one_or_none()


async def test_it_says_how_many_rows_were_touched(connection: AsyncConnection) -> None:
    for _ in range(3):
        assert (await connection.execute(ADD, row())).rowcount == 1
    assert (await connection.execute(text("update seen set occurred_at = occurred_at"))).rowcount == 3
    assert (await connection.execute(text("delete from seen where group_name = 'nobody'"))).rowcount == 0


async def test_a_transaction_is_kept_or_undone_as_a_whole(database: Database) -> None:
    with suppress(ValueError):
        async with database.transaction() as connection:
            await connection.execute(ADD, row())
            raise ValueError
    async with database.engine.connect() as connection:
        await connection.execute(ADD, row())  # nobody commits it
    async with database.transaction() as connection:
        await connection.execute(ADD, row())
        assert await connection.scalar(COUNT) == 1


async def test_a_savepoint_gives_back_only_what_came_after_it(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(ADD, row())
        with suppress(DBAPIError):
            async with connection.begin_nested():
                await connection.execute(ADD, row() | {"at": None})
        await connection.execute(ADD, row())
    async with database.transaction() as connection:
        assert await connection.scalar(COUNT) == 2


async def test_transactions_one_after_another_share_a_connection(database: Database) -> None:
    processes = set()
    for _ in range(3):
        async with database.transaction() as connection:
            processes.add(await connection.scalar(BACKEND))
    assert len(processes) == 1


async def test_a_connection_that_is_left_is_used_by_nobody_any_more(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(COUNT)
    with pytest.raises(AsyncContextNotStarted):
        await connection.execute(COUNT)


async def test_who_waits_for_a_connection_gets_the_next_that_is_free(database: Database) -> None:
    async def asleep() -> int:
        async with database.transaction() as connection:
            await connection.execute(SLEEP, {"seconds": 0.02})
            return int(await connection.scalar(BACKEND))

    size = database.engine.pool.size()  # type: ignore[attr-defined]  # a queue pool has a size
    for _ in range(2):
        processes = await asyncio.gather(*(asleep() for _ in range(size * 4)))
        assert len(set(processes)) <= size


async def test_a_connection_that_dies_while_it_is_kept_costs_nobody_an_error(
    database: Database, infrastructure: Infrastructure
) -> None:
    for _ in range(2):
        async with database.transaction() as connection:
            process = await connection.scalar(BACKEND)
        await servers._as_superuser(infrastructure, f"select pg_terminate_backend({process})")
        await asyncio.sleep(0.1)  # until the end of the connection has come
    async with database.transaction() as connection:
        assert await connection.scalar(COUNT) == 0


async def test_what_fails_at_the_commit_is_an_error_of_the_databases_and_undone(
    database: Database, infrastructure: Infrastructure
) -> None:
    dsn, name = infrastructure.owners["billing"].rpartition("/")[0], database.engine.url.database
    owner = await asyncpg.connect(f"{dsn}/{name}")
    await owner.execute("create table late (id int unique deferrable initially deferred)")
    await owner.execute("grant all on late to public")
    await owner.close()
    with pytest.raises(IntegrityError) as doubled:
        async with database.transaction() as connection:
            await connection.execute(text("insert into late values (1), (1)"))
    assert sqlstate_of(doubled.value) == "23505"
    async with database.transaction() as connection:
        assert await connection.scalar(text("select count(*) from late")) == 0


async def test_a_connection_that_dies_at_the_commit_is_an_outage(
    database: Database, infrastructure: Infrastructure
) -> None:
    async def die_before_the_commit() -> None:
        async with database.transaction() as connection:
            process = await connection.scalar(BACKEND)
            await servers._as_superuser(infrastructure, f"select pg_terminate_backend({process})")

    with pytest.raises(DBAPIError) as died:
        await die_before_the_commit()
    assert is_retryable(died.value)
    async with database.transaction() as connection:
        assert await connection.scalar(COUNT) == 0


async def test_names_that_python_cannot_say_are_in_the_mapping(connection: AsyncConnection) -> None:
    row = (await connection.execute(text("select 1, 2 as from, 3 as count"))).one()
    assert row == (1, 2, 3)
    assert [row.count, row._mapping["from"]] == [3, 2]


async def test_errors_are_those_of_sqlalchemy_with_their_state(database: Database) -> None:
    same = row()
    async with database.engine.connect() as connection:
        await connection.execute(ADD, same)
        with pytest.raises(IntegrityError) as doubled:
            await connection.execute(ADD, same)
    assert sqlstate_of(doubled.value) == "23505"
    assert not is_retryable(doubled.value)
    with pytest.raises(DBAPIError) as wrong:
        async with database.transaction() as connection:
            await connection.execute(text("select no_such_column from seen"))
    assert sqlstate_of(wrong.value) == "42703"
    async with database.transaction() as connection:
        assert await connection.scalar(COUNT) == 0


async def test_a_missing_value_is_an_error_before_anything_is_sent(connection: AsyncConnection) -> None:
    with pytest.raises(KeyError, match="numbers"):
        await connection.execute(PAIRS, {"names": ["a"]})


async def test_a_connection_that_dies_is_an_outage_and_the_pool_makes_another(
    database: Database, infrastructure: Infrastructure
) -> None:
    async with database.engine.connect() as connection:
        process = await connection.scalar(text("select pg_backend_pid()"))
        await servers._as_superuser(infrastructure, f"select pg_terminate_backend({process})")
        with pytest.raises(DBAPIError) as died:
            await connection.execute(COUNT)
    assert died.value.connection_invalidated
    assert is_retryable(died.value)
    async with database.transaction() as connection:
        assert await connection.scalar(COUNT) == 0


async def test_a_table_that_changes_under_a_prepared_statement_costs_one_more_attempt(
    database: Database, infrastructure: Infrastructure
) -> None:
    everything = text("select * from seen")
    async with database.transaction() as connection:
        await connection.execute(everything)
    dsn, name = infrastructure.owners["billing"].rpartition("/")[0], database.engine.url.database
    owner = await asyncpg.connect(f"{dsn}/{name}")
    await owner.execute("alter table seen add column later int")
    await owner.close()
    with pytest.raises(DBAPIError) as changed:
        async with database.transaction() as connection:
            await connection.execute(everything)
    assert is_retryable(changed.value)
    async with database.transaction() as connection:
        assert (await connection.execute(everything)).all() == []


async def test_an_outage_that_is_no_error_of_the_databases_stays_one(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reset(*_others: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(AsyncAdapt_asyncpg_connection, "_prepare", reset)
    with pytest.raises(ConnectionResetError) as broken:
        async with database.transaction() as connection:
            await connection.execute(COUNT)
    assert is_retryable(broken.value)


async def test_a_cancelled_statement_leaves_no_half_used_connection_in_the_pool(database: Database) -> None:
    async def asleep() -> None:
        async with database.transaction() as connection:
            await connection.execute(ADD, row())
            await connection.execute(SLEEP, {"seconds": 5})

    for _ in range(database.engine.pool.size() + 2):  # type: ignore[attr-defined]  # a queue pool has a size
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asleep(), 0.05)
    async with database.transaction() as connection:
        assert await connection.scalar(COUNT) == 0


async def test_parameters_with_types_or_values_of_their_own_go_sqlalchemys_way(connection: AsyncConnection) -> None:
    typed = text("select :number + 1").bindparams(bindparam("number", type_=Integer))
    assert await connection.scalar(typed, {"number": 2}) == 3
    assert await connection.scalar(text("select cast(:word as text)").bindparams(word="given")) == "given"


async def test_who_listens_to_sqlalchemys_events_hears_every_statement(database: Database) -> None:
    heard: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        heard.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    async with database.transaction() as connection:
        await connection.execute(COUNT)
    assert heard == [COUNT.text]


async def test_the_answers_are_the_same_on_both_ways(database: Database) -> None:
    statement = text(
        "select cast(:a as uuid) a, cast(:b as timestamptz) b, cast('{}' as jsonb) c, cast(:a as uuid) d, '\\:x'"
    )
    values = {"a": uuid4(), "b": datetime.now(UTC)}
    plain = create_async_engine(database.engine.url)
    async with database.engine.connect() as short, plain.connect() as long:
        assert isinstance(short, DirectConnection)
        assert (await short.execute(statement, values)).one() == (await long.execute(statement, values)).one()
    await plain.dispose()
