"""Removing what callbacks leave behind: facts nobody asked for in time, and dead deliveries."""

from typing import NamedTuple

from services.gateway.leftovers import repository
from services.gateway.told.service import AGAIN_DAYS
from services.kernel.db import Database

DAY_SECONDS = 86_400.0
BATCHES_MAX = 20  # of bundles in one turn: what a tenant without a URL gathers must not outrun its removal


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
