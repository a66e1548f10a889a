"""Text statements straight to asyncpg, in SQLAlchemy's transaction and with its errors (hot path).

SQLAlchemy spends some 100 us of processor time on a statement: a greenlet, an execution context, a cursor. Our
statements are text constants: what they need is their prepared statement, the values in order, and rows. A transaction
that ends well costs another 150 us: a greenlet each for the pool, the commit and the way back, where a commit is one
message.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn, cast

from sqlalchemy import Connection, Engine, TextClause
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


class _Shape(NamedTuple):
    """What rows of these columns are: named tuples, whose fields cost a tenth of those of SQLAlchemy's rows."""

    metadata: SimpleResultMetaData
    row: Callable[[Any], Any]
    rows: Callable[[Sequence[Any]], list[Any]]


class Rows(IteratorResult[Any]):
    """The rows of a finished statement, and how many it touched (-1 where PostgreSQL does not say)."""

    def __init__(self, names: tuple[str, ...], records: list[Any], status: str) -> None:
        self._shape = _shape(names)
        super().__init__(self._shape.metadata, iter(records))
        count = status.rpartition(" ")[2]
        self.rowcount = int(count) if count.isdigit() else -1
        self.returns_rows = bool(names)

    @property
    def _row_getter(self) -> Any:
        _, row, rows = self._shape
        return row, rows, rows


class DirectConnection(AsyncConnection):
    """A connection whose text statements and commits take the short way; everything else is SQLAlchemy's."""

    engine: "DirectEngine"

    async def start(self, is_ctxmanager: bool = False) -> AsyncConnection:
        if self.sync_connection is None and (kept := self.engine.take()):
            self.sync_connection = kept
            return self
        self.engine.waiting += 1
        try:
            return await super().start(is_ctxmanager)
        finally:
            self.engine.waiting -= 1

    async def execute(self, statement: Any, parameters: Any = None, *, execution_options: Any = None) -> Any:
        is_plain = type(statement) is TextClause and not execution_options and not isinstance(parameters, list)
        plan = _plan(statement) if is_plain and not self._is_watched else None
        if plan is None:
            return await super().execute(statement, parameters, execution_options=execution_options)
        return await self._run(plan, parameters or {})

    async def commit(self) -> None:
        connection: Any = self._proxied
        transaction = connection._transaction
        is_plain = transaction is not None and transaction.is_active and connection._nested_transaction is None
        driver = connection.connection.dbapi_connection if is_plain and not self._is_watched else None
        if driver is None or driver._transaction is None:
            await super().commit()
            return
        try:
            await driver._call_and_discard(driver._transaction.commit)
        except BaseException as error:
            transaction.is_active = False
            await greenlet_spawn(_fail, connection, driver, None, error)
            raise
        transaction.is_active = False
        connection._transaction = None

    def give_back(self) -> bool:
        """Leave the connection, after a commit, to the next transaction; False where it must be closed instead."""
        if self.sync_connection is None or not self.engine.keep(self.sync_connection):
            return False
        self.sync_connection = None
        return True

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
            records = await prepared.fetch(*values)
        except BaseException as error:
            await greenlet_spawn(_fail, connection, driver, plan.sql, error)
            raise
        return Rows(tuple([attribute.name for attribute in attributes]), records, prepared.get_statusmsg())


class DirectEngine(AsyncEngine):
    """An engine whose connections take the short way, and whose transactions leave them open to one another."""

    __slots__ = ("_kept", "waiting")
    _connection_cls = DirectConnection

    def __init__(self, sync_engine: Engine) -> None:
        super().__init__(sync_engine)
        self._kept: list[Connection] = []
        self.waiting = 0  # for a connection of the pool

    def connect(self) -> DirectConnection:
        return self._connection_cls(self)

    def take(self) -> Connection | None:
        """A connection that an earlier transaction left."""
        while self._kept:
            connection: Any = self._kept.pop()
            if connection._dbapi_connection.dbapi_connection._connection.is_closed():
                connection.invalidate()  # the server went away meanwhile
                connection.close()
            else:
                return cast(Connection, connection)
        return None

    def keep(self, connection: Any) -> bool:
        """Whether the connection, clean as it is, stays with us; who waits for one gets it from the pool."""
        is_clean = connection._transaction is None and connection._dbapi_connection is not None
        if is_clean and not self.waiting:
            self._kept.append(connection)
            return True
        return False

    async def dispose(self, close: bool = True) -> None:
        kept, self._kept = self._kept, []
        for connection in kept:
            await greenlet_spawn(connection.close)
        await super().dispose(close)


def shorten(engine: AsyncEngine) -> DirectEngine:
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
def _shape(names: tuple[str, ...]) -> _Shape:
    def mapping(row: Any) -> dict[str, Any]:
        return dict(zip(names, row, strict=True))

    # A name that is none in Python becomes a number; `_mapping` has it.
    fields: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # mypy wants to know them
    class_ = type("Row", (fields,), {"__slots__": (), "_mapping": property(mapping)})
    new = tuple.__new__
    return _Shape(
        SimpleResultMetaData(names),
        lambda record: new(class_, record),
        lambda records: [new(class_, record) for record in records],
    )


def _fail(connection: Any, driver: Any, sql: str | None, error: BaseException) -> NoReturn:
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
