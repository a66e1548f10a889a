"""A worker's steps in the dispatch queue, one by one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row

from services.gateway.dispatch import repository, results
from services.gateway.dispatch.results import Result
from services.gateway.turns import service as turns
from services.gateway.turns.service import Claimed, Slots
from services.kernel import clock
from tests.gateway.messages.stand import Desk, Story


class Worker:
    """One hand in the queue."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.id = uuid4()
        self.claimed = Claimed([], [])

    async def claim(
        self, slots: int = 100, *, bulk: int | None = None, of_number: int = 1_000, lease_seconds: float = 10
    ) -> list[UUID]:
        """The messages that this worker got, in no order."""
        async with self.desk.database.transaction() as connection:
            self.claimed = await turns.claim(
                connection,
                worker=self.id,
                slots=Slots(slots, slots if bulk is None else bulk, of_number, of_number),
                in_flight={},
                lease_seconds=lease_seconds,
            )
        return [row.message_id for row in self.claimed.rows]

    async def step_aside(self) -> int:
        """After a claim: as the dispatcher does."""
        async with self.desk.database.transaction() as connection:
            return await turns.step_aside(connection, self.claimed.stuck)

    async def start(self, *stories: Story) -> dict[UUID, int]:
        """Begin the calls; the attempts of those that may."""
        ids = [story.id for story in stories]
        async with self.desk.database.transaction() as connection:
            rows: Sequence[Row[Any]] = await repository.start(
                connection, ids=ids, worker=self.id, call_before=clock.now() + timedelta(seconds=1)
            )
        return {row.message_id: row.attempt for row in rows}

    async def report(self, *outcomes: Result) -> None:
        async with self.desk.database.transaction() as connection:
            await results.write(connection, outcomes)

    async def begin(self, story: Story) -> int:
        """Claim and start one message; its attempt."""
        assert story.id in await self.claim()
        return (await self.start(story))[story.id]


def result(story: Story, outcome: Any, attempt: int = 1, **more: Any) -> Result:
    """What became of an attempt, with what belongs to such an outcome."""
    if outcome == "sent":
        more = {"wamid_index": story.wamid_index, "wamid": b"sealed wamid"} | more
    if outcome == "failed":
        more = {"code": 131026, "reason": "meta_refused"} | more
    return Result(
        tenant_id=story.tenant_id,
        message_id=story.id,
        phone_number_id=story.phone_number_id,
        person=story.person,
        attempt=attempt,
        asked_at=clock.now(),
        outcome=outcome,
        **more,
    )
