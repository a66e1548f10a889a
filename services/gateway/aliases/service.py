"""A person's BSUID leads to the index of the phone number, under which consents and windows are kept.

Whoever writes with both is known by the number; a client that answers to the BSUID alone must meet the same person
(architecture, promise 10). The aliases of consent's own history are consent's.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.aliases import repository
from services.kernel.batcher import Batcher
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.db import Database

TICK_SECONDS = 0.01
BATCH_MAX = 500
PENDING_MAX = 5_000


class Alias(NamedTuple):
    """A BSUID as its keyed index."""

    tenant_id: UUID
    bsuid: str


class Aliases:
    """Looks persons up, many requests in one query; start it before use."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lookups: Batcher[Alias, str] = Batcher(
            "aliases", self._look_up, tick_seconds=TICK_SECONDS, batch_max=BATCH_MAX, pending_max=PENDING_MAX
        )

    def start(self) -> None:
        self._lookups.start()

    async def stop(self) -> None:
        await self._lookups.stop()

    async def person_of(self, alias: Alias) -> str:
        """The person, who is the alias itself where no number was ever seen beside it.

        Raises Unavailable, Overloaded, or what the database raises.
        """
        return await self._lookups.submit(alias)

    async def _look_up(self, batch: Sequence[Alias]) -> Sequence[str]:
        wanted = sorted(set(batch))
        async with self._database.transaction() as connection:
            found = await repository.persons(
                connection, [alias.tenant_id for alias in wanted], [alias.bsuid for alias in wanted]
            )
        return [found.get((alias.tenant_id, alias.bsuid), alias.bsuid) for alias in batch]


async def remember(connection: AsyncConnection, events: Iterable[InboundReceived]) -> None:
    """Keep which BSUID wrote with which number; in disorder the newest sighting stays."""
    seen = sorted((event for event in events if event.bsuid is not None), key=lambda event: event.occurred_at)
    newest = {(event.tenant_id, event.bsuid): event for event in seen}
    if not newest:
        return
    columns: dict[str, list[Any]] = {
        "tenant_ids": [tenant_id for tenant_id, _ in newest],
        "aliases": [alias for _, alias in newest],
        "persons": [event.person for event in newest.values()],
        "times": [event.occurred_at for event in newest.values()],
    }
    await repository.remember(connection, columns)
