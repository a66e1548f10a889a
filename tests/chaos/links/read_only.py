"""PostgreSQL refuses writes, as a standby or a server with a full disk does."""

import asyncpg


async def start(superuser_dsn: str) -> None:
    """Every session, open ones too, has read-only transactions from its next one on: SQLSTATE 25006."""
    await _reloaded(superuser_dsn, "alter system set default_transaction_read_only = on")


async def stop(superuser_dsn: str) -> None:
    """Writes work again; safe to repeat."""
    await _reloaded(superuser_dsn, "alter system reset default_transaction_read_only")


async def _reloaded(superuser_dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(superuser_dsn)
    try:
        await connection.execute(sql)
        await connection.execute("select pg_reload_conf()")
    finally:
        await connection.close()
