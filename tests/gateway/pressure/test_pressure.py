"""Workers tell how late replies are, and doors hear the worst of it while it is so."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from services.gateway.pressure import repository, service
from services.gateway.pressure.service import Pressure, Watch
from services.gateway.pressure.strain import DEAF_SECONDS, LATE_SECONDS
from services.kernel.contracts.messages import Lane
from services.kernel.contracts.reservations import MessageFunded
from services.kernel.db import Database
from services.kernel.kafka.consumer import Received
from services.kernel.settings import DatabaseSettings


@pytest.fixture
async def database(make_database: Callable[[str], Awaitable[Database]]) -> Database:
    return await make_database("gateway")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "ASK_EVERY_SECONDS", 0.0)


def funded(lane: Lane, age_seconds: float) -> Received:
    message_id = UUID(int=int((time.time() - age_seconds) * 1_000) << 80 | 7 << 76 | 2 << 62)
    fact = MessageFunded(
        id=uuid4(), occurred_at=datetime.now(UTC), tenant_id=uuid4(), message_id=message_id, person="someone",
        price_micros=0, currency="RUB", rate_card_version=1, is_free=True, lane=lane,
    )  # fmt: skip
    return Received(fact, 0, 0)


def see(watch: Watch, *batch: tuple[Lane, float]) -> None:
    """Facts of messages of a lane that were accepted so many seconds ago."""
    time.sleep(DEAF_SECONDS * 1.01)
    watch.see([funded(lane, age_seconds) for lane, age_seconds in batch])


async def test_the_oldest_reply_of_a_batch_counts_and_nothing_else(database: Database) -> None:
    watch = Watch(database)
    see(watch, ("bulk", 60.0), ("express", LATE_SECONDS / 4))
    assert watch.strain == 1.0
    see(watch, ("express", 0.0), ("express", LATE_SECONDS * 2))
    assert watch.strain > 1.1


async def test_doors_hear_the_worst_of_the_workers(database: Database) -> None:
    late, calm, door = Watch(database), Watch(database), Pressure(database)
    assert await door.strain() == 1.0
    see(late, ("express", LATE_SECONDS * 2))
    await late.tell()
    await calm.tell()
    assert await door.strain() > 1.1


async def test_what_was_told_long_ago_is_no_longer_so_and_goes(database: Database) -> None:
    dead, living, door = Watch(database), Watch(database), Pressure(database)
    see(dead, ("express", LATE_SECONDS * 2))
    await dead.tell()
    async with database.transaction() as connection:
        await connection.execute(text("update pressure set told_at = now() - interval '2 hours'"))
    assert await door.strain() == 1.0
    see(living, ("express", LATE_SECONDS * 2))
    await living.tell()
    async with database.transaction() as connection:
        assert (await connection.execute(text("select count(*) from pressure"))).scalar_one() == 1


async def test_a_calm_worker_writes_nothing(database: Database) -> None:
    await Watch(database).tell()
    async with database.transaction() as connection:
        assert (await connection.execute(text("select count(*) from pressure"))).scalar_one() == 0


async def test_a_door_whose_database_is_away_lets_mailings_go_on() -> None:
    nowhere = DatabaseSettings(url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:1/nothing"), pool_size=1)
    assert await Pressure(Database(nowhere, application_name="test")).strain() == 1.0


async def test_a_door_whose_database_does_not_answer_holds_up_no_mailing(database: Database) -> None:
    late, door = Watch(database), Pressure(database)
    see(late, ("express", LATE_SECONDS * 2))
    await late.tell()
    async with database.transaction() as connection:
        await connection.execute(text("lock table pressure"))
        began = time.monotonic()
        assert [await door.strain() for _ in range(10)] == [1.0] * 10
        assert time.monotonic() - began < 1.0
    async with asyncio.timeout(5):
        while await door.strain() == 1.0:  # noqa: ASYNC110  # it is asked as a door asks
            await asyncio.sleep(0.01)


async def test_two_workers_that_were_calm_for_long_tell_at_the_same_time(database: Database) -> None:
    """Each finds the other's row old while that one writes it anew."""
    workers = [uuid4(), uuid4()]
    async with database.transaction() as connection:
        for worker in workers:
            await repository.tell(connection, worker, 1.0)
        await connection.execute(text("update pressure set told_at = now() - interval '2 hours'"))
    async with database.transaction() as first, database.transaction() as second:
        await first.execute(text("select 1 from pressure where worker = :worker for update"), {"worker": workers[0]})
        async with asyncio.timeout(5):
            await repository.tell(second, workers[1], 2.0)
            await repository.tell(first, workers[0], 2.0)
    async with database.transaction() as connection:
        assert (await connection.execute(text("select strain from pressure"))).scalars().all() == [2.0, 2.0]
