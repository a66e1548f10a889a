"""Many messages of one number never keep others from their turn: express first, shares, places, and crowded heads."""

import asyncio
import json
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.gateway.turns import repository
from services.gateway.turns import service as turns
from services.gateway.turns.service import FIRST_PAIR, HEAD_MAX, Slots
from tests.fixtures.infrastructure import Infrastructure, sqlalchemy_url
from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.messages.stand import Desk, Story, new_person

MAILING = """
    insert into dispatch_queue (message_id, tenant_id, phone_number_id, person, lane, position, due_at, expires_at)
    select gen_random_uuid(), :tenant, :number, md5(cast(n % :persons as text)), 1, n, now() - interval '1 hour',
           now() + interval '1 day'
      from generate_series(1, :count) as n
"""


async def mail(desk: Desk, count: int, *, number: str, persons: int = 10**6) -> None:
    """A mailing that waits since an hour; to everybody once, or to a few people."""
    story = Story(phone_number_id=number)
    await desk.fund(story)
    await desk.run("delete from dispatch_queue where message_id = :i", i=story.id)
    await desk.run(MAILING, tenant=story.tenant_id, number=number, count=count, persons=persons)


async def test_an_answer_goes_first_however_long_the_mailing_before_it_is(desk: Desk, worker: Worker) -> None:
    await mail(desk, 3_000, number=Story().phone_number_id)
    answer = Story(lane="express")
    await desk.fund(answer)
    assert await worker.claim(1) == [answer.id]


async def test_a_mailing_leaves_places_for_answers_and_for_other_numbers(desk: Desk, worker: Worker) -> None:
    await desk.add_number("200", messages_per_second=1_000)
    await mail(desk, 1_000, number="200")
    answer, other = Story(phone_number_id="200", lane="express"), Story()
    await desk.fund(answer, other)
    assert set(await worker.claim(10, bulk=0)) == {answer.id}
    claimed = await worker.claim(50, of_number=20)
    assert other.id in claimed
    assert len(claimed) == 21


async def test_places_that_a_number_has_taken_are_not_given_again(desk: Desk, worker: Worker) -> None:
    await mail(desk, 100, number=Story().phone_number_id)
    async with desk.database.transaction() as connection:
        claimed = await turns.claim(
            connection,
            worker=worker.id,
            slots=Slots(100, 100, 30, 25),
            in_flight={Story().phone_number_id: 20},
            lease_seconds=10,
        )
    assert len(claimed.rows) == 5


async def test_every_number_has_its_share_of_a_claim(desk: Desk, worker: Worker) -> None:
    for number in ("301", "302", "303", "304"):
        await desk.add_number(number)
    await mail(desk, 2_000, number="301")
    stories = [Story(phone_number_id=number) for number in ("302", "303", "304") for _ in range(20)]
    await desk.fund(*stories)
    claimed: set[object] = set()
    has_more = []
    for _ in range(3):
        claimed |= set(await worker.claim(40))
        has_more.append(worker.claimed.is_more)
    assert {story.id for story in stories} <= claimed
    assert len(claimed) == len(stories) + 20 + 40  # alone, it has the whole claim
    assert has_more == [True] * 3


async def test_two_workers_share_a_bucket_to_the_last_token_while_it_refills(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    await mail(desk, 2_000, number=Story().phone_number_id)
    begun = (await desk.rows("select clock_timestamp() as at"))[0].at

    async def work(hand: Worker) -> int:
        taken = 0
        for _ in range(60):
            taken += len(await hand.claim(20))
            await asyncio.sleep(0.01)
        return taken

    taken = sum(await asyncio.gather(work(worker), work(other)))
    seconds = ((await desk.rows("select clock_timestamp() as at"))[0].at - begun).total_seconds()
    assert taken <= 80 + 80 * seconds + 1
    leased = await desk.rows("select count(*) as total from dispatch_queue where worker is not null")
    assert leased[0].total == taken


async def test_a_crowd_that_waits_for_its_pairs_steps_aside_and_nobody_is_overtaken(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    await desk.run("update numbers set messages_per_second = 1000")
    await mail(desk, HEAD_MAX + 100, number=Story().phone_number_id, persons=2)
    behind = [Story() for _ in range(3)]
    await desk.fund(*behind)
    claimed = {*await worker.claim(), *await other.claim()}
    assert len(claimed) == 2
    assert await worker.claim() == []
    assert await worker.step_aside() > 0
    assert {story.id for story in behind} <= set(await worker.claim())
    rows = await desk.rows("select message_id, person, position from dispatch_queue where worker is not null")
    first = {row.person: row.position for row in rows if row.message_id in claimed}
    lowest = await desk.rows("select person, min(position) as position from dispatch_queue group by person")
    assert all(first.get(row.person, row.position) == row.position for row in lowest)
    await desk.run("delete from dispatch_queue where message_id = any(cast(:ids as uuid[]))", ids=list(claimed))
    assert len(await worker.claim()) == 0  # their next ones are not due, and none of those behind them goes first


async def blocks_of_claim(desk: Desk) -> int:
    """How many blocks a claim reads."""
    await desk.run("update number_buckets set tokens = 1000")
    parameters = {
        "worker": uuid4(),
        "lanes": [0, 1],
        "slots": 200,
        "bulk_slots": 200,
        "of_number": 200,
        "bulk_of_number": 200,
        "busy_numbers": [],
        "busy": [],
        "share_min": 4,
        "head_max": HEAD_MAX,
        "lease_seconds": 10.0,
    }
    async with desk.database.transaction() as connection:
        explained = text(f"explain (analyze, buffers, format json) {repository._CLAIM.text}")
        plan: Any = await connection.scalar(explained, parameters)
        await connection.execute(text("delete from dispatch_queue where worker is not null"))
    top = (plan if isinstance(plan, list) else json.loads(plan))[0]["Plan"]
    assert top["Actual Rows"] == 200
    return int(top["Shared Hit Blocks"])


async def test_a_claim_reads_no_more_of_a_long_queue_than_of_a_short_one(desk: Desk) -> None:
    number = Story().phone_number_id
    await desk.run("update numbers set messages_per_second = 1000")
    await mail(desk, 400, number=number)
    short = await blocks_of_claim(desk)
    await mail(desk, 20_000, number=number)
    assert await blocks_of_claim(desk) < 2 * short


async def test_a_claim_is_planned_well_where_statistics_say_that_the_queue_is_empty(
    desk: Desk, infrastructure: Infrastructure
) -> None:
    number = Story().phone_number_id
    await desk.run("update numbers set messages_per_second = 1000")
    await mail(desk, 3_000, number=number)
    await desk.run("delete from dispatch_queue")
    engine = create_async_engine(
        sqlalchemy_url(infrastructure.owners["gateway"], desk.database.engine.url.database or "")
    )
    async with engine.begin() as connection:
        await connection.execute(text("analyze"))
    await engine.dispose()
    await mail(desk, 20_000, number=number)
    await desk.database.engine.dispose()  # whoever connects now plans anew
    await blocks_of_claim(desk)  # marks what is dead
    assert await blocks_of_claim(desk) < 10_000


async def test_nobody_steps_aside_where_everybody_is_seen(desk: Desk, worker: Worker) -> None:
    await desk.fund(*(Story(person="ab" * 32) for _ in range(20)))
    assert len(await worker.claim()) == 1
    assert await worker.claim() == []
    assert worker.claimed.stuck
    assert await worker.step_aside() == 0


async def test_full_pairs_are_forgotten_and_busy_ones_are_not(desk: Desk, worker: Worker) -> None:
    stories = [Story(person=new_person()) for _ in range(5)]
    await desk.fund(*stories)
    await worker.claim()
    attempts = await worker.start(*stories)
    await worker.report(*(result(story, "sent", attempts[story.id]) for story in stories))
    pairs = [row.pair for row in await desk.rows("select pair from pairs order by 1")]
    busy = pairs[0]
    await desk.run("update pairs set full_at = now() - interval '2 hours' where pair <> :p", p=busy)
    after = FIRST_PAIR
    async with desk.database.transaction() as connection:
        for _ in range(3):
            after = await turns.forget_pairs(connection, after, 2)
        assert after == pairs[-1]
        assert await turns.forget_pairs(connection, after, 2) == FIRST_PAIR
    assert [row.pair for row in await desk.rows("select pair from pairs")] == [busy]
