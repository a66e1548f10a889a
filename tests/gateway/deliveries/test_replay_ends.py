"""A range of what was told is told again once, however long its pages take."""

from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.told import service as told
from tests.gateway.deliveries.receiver import Receiver
from tests.gateway.deliveries.world import World

DELIVERIES = "select 1 from callback_deliveries"
FACTS = "select 1 from callback_facts"


async def test_a_range_without_an_end_does_not_tell_its_own_replays_again(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = await world.tenant(receiver.url)
    endpoint = await world.first(tenant)
    monkeypatch.setattr(told, "REPLAY_FACTS_MAX", 2)
    queued: list[int] = []
    since: datetime | None = datetime.now(UTC) - timedelta(minutes=1)
    async with world.delivering():
        for count in range(1, 4):
            await world.told(tenant, 2)
            await receiver.until(values=2 * count)
        while since is not None and len(queued) < 9:
            async with world.database.transaction() as connection:
                done = await told.replay_range(connection, endpoint.id, since=since, until=None)
            queued.append(done.queued)
            since = done.resume_from
            await world.until_rows(FACTS, 0)
            await world.until_rows(DELIVERIES, 0)
    assert sum(queued) == 6
    assert since is None


async def test_what_was_told_again_can_be_told_once_more(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    endpoint = await world.first(tenant)
    began = datetime.now(UTC) - timedelta(minutes=1)
    async with world.delivering():
        await world.told(tenant, 3)
        for count in (3, 6, 9):
            await receiver.until(values=count)
            await world.until_rows(DELIVERIES, 0)
            async with world.database.transaction() as connection:
                done = await told.replay_range(connection, endpoint.id, since=began, until=None)
            assert (done.queued, done.already_waiting) == (3, 0)


async def test_a_range_begins_with_its_first_moment_and_ends_before_its_last(world: World, receiver: Receiver) -> None:
    tenant = await world.tenant(receiver.url)
    endpoint = await world.first(tenant)
    async with world.delivering():
        await world.told(tenant, 1)
        await receiver.until(values=1)
    [(told_at,)] = await world.rows("select told_at from callback_told")
    moment = timedelta(microseconds=1)
    for since, until, queued in (
        (told_at - moment, told_at, 0),
        (told_at + moment, None, 0),
        (told_at, told_at + moment, 1),
    ):
        async with world.database.transaction() as connection:
            done = await told.replay_range(connection, endpoint.id, since=since, until=until)
        assert done.queued == queued, (since, until)
