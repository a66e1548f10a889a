"""A webhook that Meta repeats after the month's end finds what it made before, and nothing happens twice."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.gateway import retention
from services.gateway.messages import service as messages
from services.gateway.messages.states import State
from services.kernel import clock, partitions
from services.kernel.db import Database
from services.kernel.identifiers import first_uuid7
from services.kernel.kafka import inbox
from tests.gateway.messages.stand import Desk, Story

WITHIN = timedelta(seconds=2)  # before the month ends the message is accepted; its reports come after that
MAKE = "select make_day_partitions(:parent, :by_key, 70, 7)"
PLACE = "select right(cast(tableoid as regclass)::text, 8) as day from {} where {} = :id"


def end_of_last_month() -> datetime:
    return datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def told_before_the_end() -> Story:
    began = end_of_last_month() - WITHIN
    return Story(id=UUID(int=first_uuid7(began).int | 0x7 << 76 | 0x8 << 60 | 1), began=began)


@pytest.fixture
async def desk(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    """A gateway that has run for two months."""
    desk = Desk(await make_database("gateway"))
    await desk.add_number()
    for parent, by_key in retention.PARTITIONED.items():
        await desk.run(MAKE, parent=parent, by_key=by_key)
    return desk


async def roll_over(desk: Desk) -> None:
    """What every hour does, and that all that was told has left the queue."""
    await partitions.ensure(desk.database, retention.PARTITIONED)
    await partitions.drop_old(desk.database, retention.days_kept(400))
    await desk.run("delete from callback_queue")


async def sent(desk: Desk, story: Story) -> None:
    await desk.fund(story)
    await desk.tell(story.status("sent"), story.status("delivered"))


@pytest.mark.parametrize("is_named", [True, False])
async def test_repeated_reports_change_nothing_and_a_late_one_meets_its_message(desk: Desk, is_named: bool) -> None:
    story = told_before_the_end()
    await sent(desk, story)
    before = await desk.message(story)
    assert [told["status"] for told in await desk.callbacks(story)] == ["sent", "delivered"]
    await roll_over(desk)
    await desk.tell(story.status("sent", is_named=is_named), story.status("delivered", is_named=is_named))
    assert await desk.message(story) == before
    assert await desk.callbacks(story) == []
    await desk.tell(story.status("read", is_named=is_named))
    assert [told["status"] for told in await desk.callbacks(story)] == ["read"]
    assert await desk.state(story) is State.READ
    assert await desk.rows("select 1 from unmatched_statuses") == []


async def test_rows_lie_in_the_days_of_their_facts_and_not_of_their_arrival(desk: Desk) -> None:
    story = told_before_the_end()
    await sent(desk, story)
    last_day = f"{end_of_last_month() - WITHIN:%Y%m%d}"
    for table in ("messages", "message_bodies", "message_wamids"):
        assert [row.day for row in await desk.rows(PLACE.format(table, "id"), id=story.id)] == [last_day]


async def test_facts_that_come_again_from_the_topics_make_no_second_row(desk: Desk) -> None:
    story = told_before_the_end()
    await sent(desk, story)
    await roll_over(desk)
    await desk.fund(story)
    counts = "select (select count(*) from messages), (select count(*) from message_bodies where id = :id)"
    assert [tuple(row) for row in await desk.rows(counts, id=story.id)] == [(1, 1)]
    assert await desk.queued(story) is None


async def test_a_fact_that_is_known_by_its_first_sight_alone_is_new_once(desk: Desk) -> None:
    fact = told_before_the_end().status("sent")
    for new in ({fact.id}, set()):
        async with desk.database.transaction() as connection:
            assert await inbox.first_sight(connection, "gateway.platform", [fact]) == new
        await roll_over(desk)


async def test_the_longest_story_ends_within_what_is_kept() -> None:
    """Thirty days with us, thirty on its way to the phone, seven of repeats: all of it is still there."""
    kept = retention.days_kept(partitions.REPEATED_DAYS)
    assert min(kept[name] for name in ("messages", "message_wamids", "message_bodies", "seen")) >= 30 + 30 + 7
    assert clock.now() - end_of_last_month() < timedelta(days=kept["seen"])


async def test_metas_id_leads_to_a_message_as_long_as_its_story_may_last() -> None:
    with clock.frozen(end_of_last_month()):
        first, last = messages.nameable(clock.now())
        for days in (0, 30 + 30, 30 + 30 + 7):
            assert first < first_uuid7(clock.now() - timedelta(days=days)) < last
