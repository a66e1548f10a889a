"""Tries again what went into quarantine: by itself when a number or WABA appears, and when staff ask for it.

A replay reads the kept webhook as if it had just come: it publishes the same facts under the same ids, in the order in
which they came, and removes a row only after Kafka's acknowledgement. What still cannot be read stays.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple
from uuid import UUID

from services.kernel import crypto
from services.kernel.contracts import Event
from services.kernel.db import Database
from services.kernel.errors import Conflict, Unavailable
from services.kernel.identifiers import uuid7
from services.kernel.logging import get_logger
from services.kernel.periodic import every
from services.kernel.tenants import TenantDirectory
from services.webhook.intake.service import PARTS_A_TURN, Intake, judge
from services.webhook.parts.service import Facts, Held, Tally
from services.webhook.quarantine import service as quarantine
from services.webhook.quarantine.service import Chosen, Kept, Quarantine, Unit
from services.webhook.replay.metrics import REPLAYED
from services.webhook.signatures.service import SignedFor

LOOK_SECONDS = 1.0  # how soon a new number's webhooks follow
POLL_SECONDS = 10.0  # how soon those follow that another process kept, or that were being kept just then
UNITS_MAX = 1_000
ROWS_A_BATCH, BYTES_A_BATCH = 200, 4 * 1024 * 1024
BATCHES_A_CALL = 5  # of a command: its caller goes on where it ended
FIRST = UUID(int=0)

_log = get_logger()


class Replayed(NamedTuple):
    """What became of rows: `rows` left the quarantine, `kept` stay; `last` is the newest row that was tried."""

    rows: int = 0
    kept: int = 0
    facts: int = 0
    last: UUID | None = None


class Replay:
    """Needs the platform's private key; without it (None) what is kept stays until it is here."""

    def __init__(
        self,
        *,
        database: Database,
        directory: TenantDirectory,
        intake: Intake,
        held: Quarantine,
        private_key: bytes | None,
    ) -> None:
        self._database = database
        self._directory = directory
        self._intake = intake
        self._held = held
        self._private_key = private_key
        self._looked_at_revision, self._looked_at = -1, 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Look for webhooks whose number or WABA is known by now, until `stop`."""
        if self._private_key is None:
            await stop.wait()
            return
        await self._directory.until_ready(stop)
        await every(LOOK_SECONDS, partial(self.replay_known, stop), stop, name="replay")

    async def replay_known(self, stop: asyncio.Event) -> None:
        """Replay everything that waits for something that is here now; asks only after a change, or a while."""
        revision, now = self._directory.revision, asyncio.get_running_loop().time()
        if revision == self._looked_at_revision and now < self._looked_at + POLL_SECONDS:
            return
        async with self._database.transaction() as connection:
            waiting = await quarantine.units(connection, UNITS_MAX)
        for unit in waiting:
            if not stop.is_set() and self._is_known(unit):
                await self.replay(Chosen(unit.phone_number_id, unit.waba_id, unit.reason), batches_max=None)
        self._looked_at_revision, self._looked_at = revision, now

    async def replay(
        self, chosen: Chosen, *, after: UUID = FIRST, batches_max: int | None = BATCHES_A_CALL
    ) -> Replayed:
        """Replay what is chosen, the oldest first; raises Conflict without the key, Unavailable before it can route.

        What is put back in the meantime is not tried again.
        """
        if self._private_key is None:
            raise Conflict("this process has no PLATFORM__PRIVATE_KEY: only its holder can open the quarantine")
        if not self._directory.is_ready:
            raise Unavailable("the tenants are not read yet; try again")
        until, total, batches = uuid7(), Replayed(last=after), 0
        while batches_max is None or batches < batches_max:
            one = await self._replay_batch(chosen, total.last or FIRST, until)
            if one.last is None:
                return total._replace(last=None)
            total = Replayed(total.rows + one.rows, total.kept + one.kept, total.facts + one.facts, one.last)
            batches += 1
        return total

    def _is_known(self, unit: Unit) -> bool:
        if unit.phone_number_id is not None:
            return self._directory.number(unit.phone_number_id) is not None
        return unit.waba_id is not None and bool(self._directory.numbers_of_waba(unit.waba_id))

    async def _replay_batch(self, chosen: Chosen, after: UUID, until: UUID) -> Replayed:
        """One transaction: rows leave it together with the acknowledgement of their facts."""
        async with self._database.transaction() as connection:
            await quarantine.lock(connection)
            rows = await quarantine.next_rows(
                connection, chosen, after=after, until=until, count=ROWS_A_BATCH, bytes_=BYTES_A_BATCH
            )
            if not rows:
                return Replayed()
            results = [await self._reread(row) for row in rows]
            facts = [fact for result in results for fact in result.facts]
            await self._intake.publish(facts)
            done = [result for result in results if not result.is_as_it_was]
            await quarantine.delete(connection, [result.row.id for result in done])
            await quarantine.tried(connection, [result.row.id for result in results if result.is_as_it_was])
            for result in done:
                if result.held:
                    await self._held.hold_in(connection, result.held, result.signed_for)
        kept = len(results) - len(done)
        REPLAYED.labels("gone").inc(len(done))
        REPLAYED.labels("kept").inc(kept)
        _log.info("quarantine is replayed", count=len(done), pending=kept)
        return Replayed(len(done), kept, len(facts), rows[-1].id)

    async def _reread(self, row: Kept) -> "Reread":
        signed_for: SignedFor = frozenset(mode for mode in ("live", "test") if mode in row.signed_for)
        content = self._open(row)
        if content is None:
            return Reread(row, signed_for, [], [], is_as_it_was=True)
        facts: list[Event] = []
        held: list[Held] = []
        tally = Tally()
        for number, outcome in enumerate(judge(self._directory, content, signed_for, tally), start=1):
            match outcome:
                case Facts():
                    facts.extend(outcome.events)
                case Held():
                    held.append(outcome)
            if number % PARTS_A_TURN == 0:
                await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Reread(row, signed_for, facts, held, _is_as_it_was(row, held, tally))

    def _open(self, row: Kept) -> bytes | None:
        assert self._private_key is not None
        try:
            return crypto.open_box(self._private_key, quarantine.seal_context(row.id), row.content)
        except crypto.CannotOpen:
            _log.error("a row of the quarantine does not open with this key", reason=row.reason)
            return None


class Reread(NamedTuple):
    """What one row says today."""

    row: Kept
    signed_for: SignedFor
    facts: Sequence[Event]
    held: Sequence[Held]
    is_as_it_was: bool


def _is_as_it_was(row: Kept, held: Sequence[Held], tally: Tally) -> bool:
    return tally.became["held"] == tally.arrived and {one.reason for one in held} == {row.reason}
