"""The service's own database: a pool, a transaction, and the only place that commits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.kernel import direct
from services.kernel.arrays import ArrayConnection
from services.kernel.errors import DEPENDENCY_ERRORS, is_retryable
from services.kernel.settings import DatabaseSettings

CONNECT_TIMEOUT_SECONDS = 5
# Longer than the roles' statement_timeout (8 s), so that the server is the one that ends a statement; this one is for
# a server that does not answer, and a connection that a router has forgotten.
COMMAND_TIMEOUT_SECONDS = 10
POOL_TIMEOUT_SECONDS = 5
START_PATIENCE_SECONDS = 60
PLANS_AT_HAND = {"plan_cache_mode": "force_custom_plan"}
PLANS_KEPT = {"plan_cache_mode": "auto", "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}

_PING = text("select 1")


class SchemaTooOld(Exception):
    """The database was not migrated to what this build needs."""


class Database:
    """A pool of connections to one service's database.

    Queue tables are empty when statements are first prepared, so plans are made for the values at hand; or they are
    kept (an eighth of the statements' time), and then none may read a whole table or join all rows with all.
    """

    def __init__(self, settings: DatabaseSettings, *, application_name: str, keeps_plans: bool = False) -> None:
        engine = create_async_engine(
            settings.url.get_secret_value(),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            hide_parameters=True,
            connect_args={
                "connection_class": ArrayConnection,
                "timeout": CONNECT_TIMEOUT_SECONDS,
                "command_timeout": COMMAND_TIMEOUT_SECONDS,
                "server_settings": {
                    "application_name": application_name,
                    **(PLANS_KEPT if keeps_plans else PLANS_AT_HAND),
                    "jit": "off",
                    "timezone": "UTC",
                },
            },
        )
        self.engine = direct.shorten(engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        connection = self.engine.connect()
        await connection.start()  # the transaction begins with its first statement, and closing undoes it
        try:
            yield connection
            await connection.commit()
        finally:
            if not connection.give_back():
                closing = asyncio.create_task(connection.close())
                await asyncio.shield(closing)

    async def check(self) -> None:
        """Raise when the database does not answer."""
        async with self.engine.connect() as connection:
            await connection.execute(_PING)

    async def require_schema(self, revision: str) -> None:
        """Wait for the database and refuse one whose schema is older than `revision`."""
        found = await self._schema_revision()
        if found < revision:
            raise SchemaTooOld(
                f"the schema is at {found or 'nothing'!r}, this build needs {revision!r}: run migrations"
            )

    async def _schema_revision(self) -> str:
        deadline = asyncio.get_running_loop().time() + START_PATIENCE_SECONDS
        while True:
            try:
                async with self.engine.connect() as connection:
                    if await connection.scalar(text("select to_regclass('alembic_version')")) is None:
                        return ""
                    return str(await connection.scalar(text("select max(version_num) from alembic_version")) or "")
            except DEPENDENCY_ERRORS as error:
                if not is_retryable(error) or asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.5)

    async def close(self) -> None:
        await self.engine.dispose()
