"""Removing files: those whose time is over, and those that a crash left behind."""

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import islice
from time import monotonic

from services.gateway.media import metrics, repository
from services.gateway.media.files import Files, Stored
from services.kernel.db import Database
from services.kernel.periodic import every, in_batches

EVERY_SECONDS = 60.0
SWEEP_EVERY_SECONDS = 600.0
LEFT_OVER_SECONDS = 3_600.0  # longer than any upload or fetch: younger files may be on their way
BATCH = 500
FORGET_DAYS = 30  # so long the row of a file that is gone says what became of it


async def keep(database: Database, files: Files, stop: asyncio.Event) -> None:
    """The worker's task: remove what is over until `stop`."""
    sweep_at = monotonic()

    async def act() -> None:
        nonlocal sweep_at
        await in_batches(lambda: expire(database, files), BATCH)
        if monotonic() >= sweep_at:
            sweep_at = monotonic() + SWEEP_EVERY_SECONDS
            await sweep(database, files)

    await every(EVERY_SECONDS, act, stop, name="media")


async def expire(database: Database, files: Files) -> int:
    """Remove a batch of files whose time is over; returns how many."""
    async with database.transaction() as connection:
        old = await repository.expire(connection, count=BATCH)
    for tenant_id, media_id in old:
        await files.remove(tenant_id, media_id)
    metrics.REMOVED.labels("expired").inc(len(old))
    return len(old)


async def sweep(database: Database, files: Files, *, left_over_seconds: float = LEFT_OVER_SECONDS) -> int:
    """Remove old files that no row wants, and rows of uploads that were cut off; returns how many files."""
    await in_batches(lambda: _forget(database, left_over_seconds), BATCH)
    found = files.older_than(left_over_seconds)
    removed = 0
    while batch := await asyncio.to_thread(partial(_taken, found)):
        async with database.transaction() as connection:
            wanted = await repository.owned(connection, [(file.tenant_id, file.media_id) for file in batch])
        for file in batch:
            if (file.tenant_id, file.media_id) not in wanted:
                await asyncio.to_thread(file.path.unlink, missing_ok=True)
                removed += 1
    metrics.REMOVED.labels("left_over").inc(removed)
    return removed


async def _forget(database: Database, left_over_seconds: float) -> int:
    async with database.transaction() as connection:
        return await repository.forget(connection, cut_off_seconds=left_over_seconds, days=FORGET_DAYS, count=BATCH)


def _taken(found: Iterator[Stored]) -> list[Stored]:
    return list(islice(found, BATCH))
