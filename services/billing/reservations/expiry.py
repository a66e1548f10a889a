"""Background work: holds whose end has come go back to the wallet, and what came too early is forgotten."""

import asyncio
from functools import partial

from services.billing.reservations import service
from services.kernel import periodic
from services.kernel.db import Database
from services.kernel.kafka import outbox

SWEEP_SECONDS = 60.0


async def sweep(database: Database) -> int:
    """End every overdue hold, a batch a transaction; how many holds ended."""
    await periodic.in_batches(partial(_forget_early, database), service.EARLY_BATCH_MAX)
    ended = 0
    while True:
        async with database.transaction() as connection:
            looked_at, told = await service.end_overdue(connection)
            await outbox.add(connection, told)
        ended += len(told)
        if looked_at < service.OVERDUE_BATCH_MAX:
            return ended


async def _forget_early(database: Database) -> int:
    async with database.transaction() as connection:
        return await service.forget_early(connection)


async def run(database: Database, stop: asyncio.Event) -> None:
    """Sweep once a minute until `stop`; an outage is waited out."""
    await periodic.every(SWEEP_SECONDS, lambda: sweep(database), stop, name="expiry")
