"""Background work: holds whose end has come go back to the wallet."""

import asyncio
from contextlib import suppress

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.billing.reservations import service
from services.kernel.db import Database
from services.kernel.errors import is_retryable
from services.kernel.kafka import outbox
from services.kernel.logging import get_logger

SWEEP_SECONDS = 60.0

_log = get_logger()


async def sweep(database: Database) -> int:
    """End every overdue hold, a batch a transaction; how many holds ended."""
    ended = 0
    while True:
        async with database.transaction() as connection:
            looked_at, told = await service.end_overdue(connection)
            await outbox.add(connection, told)
        ended += len(told)
        if looked_at < service.OVERDUE_BATCH_MAX:
            return ended


async def run(database: Database, stop: asyncio.Event) -> None:
    """Sweep once a minute until `stop`; an outage is waited out."""
    while not stop.is_set():
        try:
            await sweep(database)
        except (DBAPIError, PoolTimeout, OSError) as error:
            if not is_retryable(error):
                raise
            _log.warning("expiry is waiting", error_class=type(error).__name__)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SWEEP_SECONDS)
