"""Removing what callbacks leave behind: facts nobody asked for in time, dead deliveries, days of history."""

import asyncio
from typing import NamedTuple

from services.gateway.attempts.service import KEPT_DAYS as ATTEMPTS_KEPT_DAYS
from services.gateway.leftovers import repository
from services.gateway.told.service import AGAIN_DAYS, LOG_DAYS
from services.gateway.told.service import KEPT_DAYS as TOLD_KEPT_DAYS
from services.kernel import periodic
from services.kernel.db import Database

HOUR_SECONDS = 3_600.0
DAY_SECONDS = 24 * HOUR_SECONDS
BATCHES_MAX = 20  # of bundles in one turn: what a tenant without a URL gathers must not outrun its removal

KEPT_DAYS = {"callback_attempts": ATTEMPTS_KEPT_DAYS, "callback_told": TOLD_KEPT_DAYS, "callback_log": LOG_DAYS}


class Pruned(NamedTuple):
    """How many deliveries were given up, facts dropped and dead deliveries removed."""

    dead: int
    facts: int
    deliveries: int


async def prune(database: Database, *, keep_seconds: float, give_up_seconds: float) -> Pruned:
    """Give up and remove what is too old, in short transactions."""
    async with database.transaction() as connection:
        dead = await repository.give_up(connection, give_up_seconds=give_up_seconds)
        deliveries = await repository.prune_deliveries(connection, keep_seconds=keep_seconds)
    facts = 0
    for _ in range(BATCHES_MAX):
        async with database.transaction() as connection:
            await repository.walk_indexes(connection)
            dropped = await repository.prune_facts(
                connection, keep_seconds=keep_seconds, again_seconds=AGAIN_DAYS * DAY_SECONDS
            )
        facts += sum(dropped)
        if len(dropped) < repository.BATCH_MAX:
            break
    return Pruned(dead, facts, deliveries)


async def drop_days(database: Database) -> int:
    """Drop the days of attempts and of told facts that are kept no longer; returns how many partitions went."""
    dropped = 0
    for parent, days in KEPT_DAYS.items():
        async with database.transaction() as connection:
            dropped += await repository.drop_days(connection, parent, days_kept=days)
    return dropped


async def keep_dropping(database: Database, stop: asyncio.Event) -> None:
    """Drop old days hourly, until `stop`."""
    await periodic.every(HOUR_SECONDS, lambda: drop_days(database), stop, name="callback days")
