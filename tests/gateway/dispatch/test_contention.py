"""Everybody writes the same rows at once: nobody waits in a circle, and every message settles once."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.exc import DBAPIError

from services.gateway.messages.states import State
from services.gateway.sweeping.service import Sweeper
from services.kernel.contracts import Event
from services.kernel.errors import sqlstate_of
from services.kernel.kafka.publisher import Publisher
from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.messages.stand import Desk, Story, new_person

MESSAGES = 240
ENDS = (State.SENT, State.DELIVERED, State.READ, State.FAILED, State.EXPIRED)
OUTCOMES = ("sent", "sent", "sent", "sent", "failed", "unknown", "requeue")


class Crowd:
    """Consumers, workers and sweepers over the same messages."""

    def __init__(self, desk: Desk, publisher: Publisher, seed: int) -> None:
        self.desk = desk
        self.publisher = publisher
        self.random = random.Random(seed)
        people = [new_person() for _ in range(40)]
        self.stories = [Story(person=people[number % len(people)]) for number in range(MESSAGES)]
        self.by_id = {story.id: story for story in self.stories}
        self.poor = set(self.random.sample(range(MESSAGES), 20))
        self.unwanted = set(self.random.sample(sorted(set(range(MESSAGES)) - self.poor), 20))
        self.deadlocks = 0
        self.is_over = False

    async def patiently(self, act: Callable[[], Awaitable[Any]]) -> Any:
        """As the consumers do; a deadlock would be retried by them, and is counted here."""
        while True:
            try:
                return await act()
            except DBAPIError as error:
                if sqlstate_of(error) != "40P01":
                    raise
                self.deadlocks += 1

    async def consume(self, facts: Sequence[Event]) -> None:
        """One consumer: batches in an order of its own, some facts twice, as after a rebalance."""
        said = [*facts, *self.random.sample(list(facts), len(facts) // 3)]
        self.random.shuffle(said)
        for at in range(0, len(said), 25):
            await self.patiently(lambda at=at: self.desk.tell(*said[at : at + 25]))  # type: ignore[misc]

    def verdicts(self) -> list[Event]:
        return [s.refused() for n, s in enumerate(self.stories) if n in self.unwanted]

    def payments(self) -> list[Event]:
        paid = [(n, s) for n, s in enumerate(self.stories) if n not in self.unwanted]
        return [s.unfunded() if n in self.poor else s.funded() for n, s in paid]

    async def send(self, worker: Worker) -> None:
        while not self.is_over:
            claimed = [self.by_id[id_] for id_ in await self.patiently(lambda: worker.claim(20))]
            attempts = await self.patiently(lambda: worker.start(*claimed)) if claimed else {}  # noqa: B023
            outcomes = [
                result(self.by_id[id_], self.random.choice(OUTCOMES), attempt) for id_, attempt in attempts.items()
            ]
            self.random.shuffle(outcomes)
            if outcomes:
                await self.patiently(lambda: worker.report(*outcomes))  # noqa: B023
            await asyncio.sleep(0.005)

    async def hear(self) -> None:
        """Meta's reports, of what was sent and of what nobody knows."""
        while not self.is_over:
            rows = await self.desk.rows("select id from messages where state in (4, 5) order by random() limit 20")
            reports: list[Event] = []
            for row in rows:
                story = self.by_id[row.id]
                reports += [story.status(name) for name in self.random.choice((("sent",), ("sent", "delivered")))]  # type: ignore[arg-type]
            self.random.shuffle(reports)
            if reports:
                await self.patiently(lambda: self.desk.tell(*reports))  # noqa: B023
            await asyncio.sleep(0.003)

    async def sweep(self) -> None:
        sweeper = Sweeper(
            database=self.desk.database,
            publisher=self.publisher,
            unknown_grace_seconds=0,
            unknown_max_seconds=0,
            written=lambda: None,
        )
        while not self.is_over:
            await self.patiently(sweeper.sweep)
            await asyncio.sleep(0.02)

    async def settle(self) -> None:
        """Until every message has come to an end."""
        async with asyncio.timeout(60):
            while True:
                rows = await self.desk.rows("select state, count(*) as total from messages group by 1")
                if sum(row.total for row in rows if row.state in ENDS) == MESSAGES:
                    break
                await asyncio.sleep(0.1)
        self.is_over = True


async def test_everybody_at_once_deadlocks_nobody_and_every_message_settles_once(
    desk: Desk, publisher: Publisher
) -> None:
    crowd = Crowd(desk, publisher, seed=7)
    await desk.run("update numbers set messages_per_second = 1000")
    await asyncio.gather(
        crowd.consume([story.accepted() for story in crowd.stories]),
        crowd.consume([story.accepted() for story in crowd.stories]),
        crowd.consume(crowd.verdicts()),
        crowd.consume(crowd.payments()),
        *(crowd.send(Worker(desk)) for _ in range(2)),
        crowd.hear(),
        crowd.hear(),
        *(crowd.sweep() for _ in range(2)),
        crowd.settle(),
    )
    assert crowd.deadlocks == 0
    assert (await desk.rows("select count(*) as left from dispatch_queue where call_before is null"))[0].left == 0
    await _is_told_once(crowd)


async def _is_told_once(crowd: Crowd) -> None:
    rows = await crowd.desk.rows("select event_type, event_id from outbox")
    ends = Counter((row.event_type, row.event_id) for row in rows)
    assert max(ends.values()) == 1
    told = await crowd.desk.rows("select subject_id, event_id from callback_facts")
    assert len({row.event_id for row in told}) == len(told)
    refused = {crowd.stories[number].id for number in crowd.unwanted | crowd.poor}
    assert Counter(row.subject_id for row in told if row.subject_id in refused) == dict.fromkeys(refused, 1)
