"""Text statements straight to asyncpg, in SQLAlchemy's transaction and with its rows and errors (hot path).

SQLAlchemy spends some 100 us of processor time on a statement: a greenlet, an execution context, a cursor. Our
statements are text constants: what they need is their prepared statement, the values in order, and rows.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import NullType
from sqlalchemy.util.concurrency import greenlet_spawn

STATEMENTS_MAX = 2_000

_dialect = dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


class _Plan(NamedTuple):
    sql: str
    names: tuple[str, ...]  # of the parameters, in the order of their numbers


class Rows(IteratorResult[Any]):
    """The rows of a finished statement, and how many it touched (-1 where PostgreSQL does not say)."""

    def __init__(self, metadata: SimpleResultMetaData, rows: list[Any], status: str) -> None:
        super().__init__(metadata, iter(rows))
        count = status.rpartition(" ")[2]
        self.rowcount = int(count) if count.isdigit() else -1
        self.returns_rows = bool(list(metadata.keys))


class DirectConnection(AsyncConnection):
    """A connection whose text statements take the short way; everything else is SQLAlchemy's."""

    async def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        is_plain = type(statement) is TextClause and not execution_options and not isinstance(parameters, list)
        plan = _plan(statement) if is_plain and not self._is_watched else None
        if plan is None:
            return await super().execute(statement, parameters, execution_options=execution_options)
        return await self._run(plan, parameters or {})

    @property
    def _is_watched(self) -> bool:
        """Whether somebody listens to SQLAlchemy's events, which the short way does not raise."""
        connection: Any = self._proxied
        return bool(connection._has_events or connection.engine._has_events)

    async def _run(self, plan: _Plan, parameters: Mapping[str, Any]) -> Rows:
        values = [parameters[name] for name in plan.names]
        connection: Any = self._proxied
        if connection._transaction is None:
            connection._autobegin()
        driver = connection.connection.dbapi_connection
        try:
            if driver._transaction is None:
                await driver._start_transaction()
            prepared, attributes = await driver._prepare(plan.sql, connection.dialect._invalidate_schema_cache_asof)
            rows = await prepared.fetch(*values)
        except BaseException as error:
            await greenlet_spawn(_fail, connection, driver, plan.sql, error)
            raise
        return Rows(_metadata(tuple([attribute.name for attribute in attributes])), rows, prepared.get_statusmsg())


class DirectEngine(AsyncEngine):
    """An engine whose connections take the short way."""

    __slots__ = ()
    _connection_cls = DirectConnection


def shorten(engine: AsyncEngine) -> AsyncEngine:
    """The same engine with the short way for text statements."""
    return DirectEngine(engine.sync_engine)


@lru_cache(STATEMENTS_MAX)
def _plan(statement: TextClause) -> _Plan | None:
    """The statement with numbered parameters; None for one whose parameters have types or values of their own."""
    if any(type(bind.type) is not NullType or not bind.required for bind in statement._bindparams.values()):
        return None
    compiled = statement.compile(dialect=_dialect)
    return _Plan(str(compiled), tuple(compiled.positiontup or ()))


@lru_cache(STATEMENTS_MAX)
def _metadata(names: tuple[str, ...]) -> SimpleResultMetaData:
    return SimpleResultMetaData(names)


def _fail(connection: Any, driver: Any, sql: str, error: BaseException) -> NoReturn:
    """Raise what SQLAlchemy would have raised, with the connection dropped where it would have been."""
    try:
        driver._handle_exception(error)
    except BaseException as translated:
        dbapi = connection.dialect.dbapi
        if isinstance(translated, dbapi.InvalidCachedStatementError | dbapi.InternalServerError):
            connection.dialect._invalidate_schema_cache()
        # With its statement SQLAlchemy would wrap an error that is no database's, and hide an outage from the caller.
        statement = sql if isinstance(translated, dbapi.Error) else None
        connection._handle_dbapi_exception(translated, statement, None, None, None)
    raise AssertionError("both always raise")
