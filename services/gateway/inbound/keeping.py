"""Removing what people wrote long ago."""

import asyncio

from services.gateway.inbound import repository
from services.kernel import periodic
from services.kernel.db import Database

EVERY_SECONDS = 60.0
BATCH_MAX = 1_000  # rows with their contents: a few milliseconds


async def keep(database: Database, stop: asyncio.Event, *, days: int) -> None:
    """The worker's task: remove what is over until `stop`."""
    await periodic.every(EVERY_SECONDS, lambda: prune(database, days=days), stop, name="inbound messages")


async def prune(database: Database, *, days: int) -> int:
    """Remove what was stored more than `days` ago, in short transactions; returns how many."""

    async def act() -> int:
        async with database.transaction() as connection:
            return await repository.prune(connection, days=days, count=BATCH_MAX)

    return await periodic.in_batches(act, BATCH_MAX)
