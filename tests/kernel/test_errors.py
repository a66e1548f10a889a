"""Which failures may pass by themselves: asked with the exceptions that the libraries really raise."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from aiokafka.errors import CommitFailedError, KafkaConnectionError, KafkaTimeoutError, NotLeaderForPartitionError
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.kernel import errors
from services.kernel.db import Database
from services.kernel.settings import DatabaseSettings


def database_error(cause: BaseException, *, invalidated: bool = False) -> DBAPIError:
    return DBAPIError("select 1", None, cause, connection_invalidated=invalidated)


@pytest.mark.parametrize(
    "error",
    [
        errors.Unavailable("the broker is down"),
        errors.Overloaded("too much"),
        errors.TooManyRequests("slow down", 3),
        ConnectionRefusedError(),
        ConnectionResetError(),
        TimeoutError(),
        asyncio.TimeoutError(),  # noqa: UP041  the alias is what is asked about
        PoolTimeout("no connection"),
        KafkaConnectionError("gone"),
        KafkaTimeoutError("late"),
        NotLeaderForPartitionError(),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        database_error(asyncpg.InvalidCachedStatementError("the type of a column has changed")),
        database_error(asyncpg.DeadlockDetectedError("deadlock")),
        database_error(asyncpg.SerializationError("serialization")),
        database_error(asyncpg.LockNotAvailableError("lock timeout")),
        database_error(asyncpg.QueryCanceledError("statement timeout")),
        database_error(asyncpg.AdminShutdownError("shutting down")),
        database_error(asyncpg.CannotConnectNowError("starting up")),
        database_error(asyncpg.TooManyConnectionsError("too many")),
        database_error(asyncpg.IdleInTransactionSessionTimeoutError("idle")),
        database_error(ValueError("any"), invalidated=True),
        ExceptionGroup("two", [TimeoutError(), ConnectionResetError()]),
    ],
)
def test_outages_and_lock_conflicts_pass(error: BaseException) -> None:
    assert errors.is_retryable(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.NotFound("no such number"),
        errors.Conflict("taken"),
        errors.ServiceError("a bug of ours"),
        ValueError("bad"),
        KeyError("bad"),
        AssertionError(),
        CommitFailedError("the group has moved"),
        asyncpg.InterfaceError("cannot perform operation: another operation is in progress"),
        database_error(asyncpg.UniqueViolationError("duplicate key")),
        database_error(asyncpg.CheckViolationError("below zero")),
        database_error(asyncpg.ForeignKeyViolationError("no parent")),
        database_error(asyncpg.UndefinedTableError("no table")),
        database_error(asyncpg.InsufficientPrivilegeError("no grant")),
        ExceptionGroup("two", [TimeoutError(), ValueError()]),
        asyncio.CancelledError(),
    ],
)
def test_bugs_and_broken_rules_do_not_pass(error: BaseException) -> None:
    assert not errors.is_retryable(error)


async def execute(database: Database, statement: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("set local statement_timeout = 50"))
        await connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "passes"),
    [
        ("select pg_terminate_backend(pg_backend_pid())", True),
        ("select pg_sleep(1)", True),  # statement_timeout
        ("do $$ begin raise deadlock_detected; end $$", True),
        ("do $$ begin raise lock_not_available; end $$", True),
        ("do $$ begin raise read_only_sql_transaction; end $$", True),
        ("do $$ begin raise unique_violation; end $$", False),
        ("do $$ begin raise check_violation; end $$", False),
        ("select * from no_such_table", False),
    ],
)
async def test_what_a_real_server_raises_is_judged_alike(
    make_database: Callable[[str], Awaitable[Database]], statement: str, passes: bool
) -> None:
    database = await make_database("billing")
    with pytest.raises(DBAPIError) as failure:
        await execute(database, statement)
    assert errors.is_retryable(failure.value) is passes
    assert errors.sqlstate_of(failure.value)


async def test_a_server_that_is_not_there_passes() -> None:
    settings = DatabaseSettings(url=SecretStr("postgresql+asyncpg://nobody:none@127.0.0.1:9/none"))
    database = Database(settings, application_name="test")
    with pytest.raises(OSError) as failure:  # noqa: PT011  it has no fixed text
        await database.check()
    assert errors.is_retryable(failure.value)
    await database.close()


def test_every_error_has_a_code_of_its_own() -> None:
    classes = [
        found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.ServiceError)
    ]
    assert len({found.code for found in classes}) == len(classes)
