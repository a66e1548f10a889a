"""Removing what nobody could be given for long: it is somebody's words, and waits for a tenant who never came."""

import asyncio
from datetime import timedelta

from services.kernel import clock, periodic
from services.kernel.db import Database
from services.kernel.identifiers import first_uuid7
from services.kernel.logging import get_logger
from services.webhook.quarantine import repository

EVERY_SECONDS = 3_600.0
BATCH_MAX = 200  # rows of up to a whole webhook each

_log = get_logger()


async def keep(database: Database, stop: asyncio.Event, *, days: int) -> None:
    """The process's task: remove what is over until `stop`."""
    await periodic.every(EVERY_SECONDS, lambda: prune(database, days=days), stop, name="quarantine")


async def prune(database: Database, *, days: int) -> int:
    """Remove what was held more than `days` ago, in short transactions; returns how many rows."""
    before = first_uuid7(clock.now() - timedelta(days=days))

    async def act() -> int:
        async with database.transaction() as connection:
            return await repository.prune(connection, before=before, count=BATCH_MAX)

    pruned = await periodic.in_batches(act, BATCH_MAX)
    if pruned:
        _log.warning("rows of the quarantine were too old and are removed", count=pruned)
    return pruned
