"""Bring one service's database to its newest schema, as the owner role."""

import asyncio
import os
from pathlib import Path

from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_connection
from sqlalchemy.ext.asyncio import create_async_engine

OWNER_URL_VARIABLE = "DATABASE__OWNER_URL"
ENVIRONMENT = Path(__file__).parent / "migrations"


def migrate(folder: Path, url: str | None = None) -> None:
    """Run every missing migration of `folder` against the owner's database address."""
    address = url or os.environ[OWNER_URL_VARIABLE]
    asyncio.run(_upgrade(folder, address))


def newest_revision(folder: Path) -> str:
    """The revision that this build needs; revisions sort by their number."""
    head = ScriptDirectory.from_config(_config(folder)).get_current_head()
    assert head is not None, f"{folder} holds no migration"
    return head


def _config(folder: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(ENVIRONMENT))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(folder / "versions"))
    return config


def script(sql: str) -> None:
    """Run several statements inside the present migration (a prepared statement can hold only one)."""
    # SQLAlchemy opens its transaction with the first statement of its own; ours must be inside it.
    op.execute("select 1")
    connection = op.get_bind().connection.dbapi_connection
    assert isinstance(connection, AsyncAdapt_asyncpg_connection)
    connection.run_async(lambda asyncpg: asyncpg.execute(sql))


async def _upgrade(folder: Path, address: str) -> None:
    engine = create_async_engine(address, poolclass=pool.NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(_run, folder)
    await engine.dispose()


def _run(connection: Connection, folder: Path) -> None:
    config = _config(folder)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
