"""Background work: holds whose time is over go back to the wallet."""

import asyncio

from services.billing.holds import service
from services.kernel import periodic
from services.kernel.db import Database

SWEEP_SECONDS = 10.0


async def sweep(database: Database) -> None:
    """End every overdue hold, a batch a transaction."""
    while True:
        async with database.transaction() as connection:
            looked_at = await service.expire(connection)
        if looked_at < service.OVERDUE_BATCH_MAX:
            return


async def run(database: Database, stop: asyncio.Event) -> None:
    """Sweep until `stop`; an outage is waited out."""
    await periodic.every(SWEEP_SECONDS, lambda: sweep(database), stop, name="holds")
