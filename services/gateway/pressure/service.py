"""How late replies are, and how much mailings yield: workers watch and tell, doors ask."""

import asyncio
import time
from collections.abc import Sequence
from uuid import uuid4

from services.gateway.pressure import repository
from services.gateway.pressure.metrics import REPLY_FUNDED_SECONDS, STRAIN
from services.gateway.pressure.strain import Strain
from services.kernel import clock, periodic
from services.kernel.contracts.reservations import MessageFunded
from services.kernel.db import Database
from services.kernel.errors import DEPENDENCY_ERRORS
from services.kernel.identifiers import moment_of
from services.kernel.kafka.consumer import Received
from services.kernel.logging import get_logger

TELL_EVERY_SECONDS = 0.5
ASK_EVERY_SECONDS = 0.5
ASK_PATIENCE_SECONDS = 0.2  # a mailing waits no longer for it: messages without a key are taken without the database
FRESH_SECONDS = 5.0  # what a worker told before that is no longer so; one that is strained tells it at each turn

_log = get_logger()


class Watch:
    """A worker's eye on replies that come out of the saga."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._worker = uuid4()
        self._strain = Strain()
        self._told = 1.0

    @property
    def strain(self) -> float:
        """How many times as long mailings rest: from 1.0 on."""
        return self._strain.now

    def see(self, batch: Sequence[Received]) -> None:
        """Note how old the oldest of these replies is: its id holds the moment of its acceptance."""
        facts = (received.event for received in batch)
        replies = [fact.message_id for fact in facts if isinstance(fact, MessageFunded) and fact.lane == "express"]
        if replies:
            seconds = (clock.now() - moment_of(min(replies))).total_seconds()
            REPLY_FUNDED_SECONDS.observe(seconds)
            self._strain.note(seconds)

    async def run(self, stop: asyncio.Event) -> None:
        """Tell the doors until `stop`, while there is something to tell."""
        await periodic.every(TELL_EVERY_SECONDS, self.tell, stop, name="pressure")

    async def tell(self) -> None:
        strain = self.strain
        STRAIN.set(strain)
        if strain == self._told == 1.0:
            return
        async with self._database.transaction() as connection:
            await repository.tell(connection, self._worker, strain)
        self._told = strain


class Pressure:
    """A door's ear: what the workers tell, asked for only when somebody wants to know."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._strain = 1.0
        self._ask_at = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def strain(self) -> float:
        """How many times as long mailings rest; while the database does not answer what it was before."""
        is_asked = self._asking is not None and not self._asking.done()
        if not is_asked and time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + ASK_EVERY_SECONDS
            self._asking = asyncio.create_task(self._ask())
            await asyncio.wait({self._asking}, timeout=ASK_PATIENCE_SECONDS)
        return self._strain

    async def _ask(self) -> None:
        try:
            async with self._database.transaction() as connection:
                self._strain = await repository.strain(connection, fresh_seconds=FRESH_SECONDS)
        except DEPENDENCY_ERRORS as error:
            _log.warning("pressure is not known", error_class=type(error).__name__)
