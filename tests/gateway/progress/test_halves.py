"""Facts about a message in every order: the same row, the same queue, one callback for each."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import permutations

import msgspec
import pytest

from services.gateway.messages import service as messages
from services.gateway.messages.states import State
from services.gateway.progress import service as progress
from services.kernel.contracts import Event
from services.kernel.contracts.outcomes import MessageExpired, MessageFailed
from services.kernel.db import Database
from services.kernel.kafka.consumer import Received
from tests.gateway.messages.stand import NUMBER, Desk, Story, new_id


@pytest.fixture
async def desk(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    desk = Desk(await make_database("gateway"))
    await desk.add_number()
    return desk


async def test_the_halves_make_the_same_message_in_any_order(desk: Desk) -> None:
    for order in permutations(range(2)):
        story = Story()
        facts: list[Event] = [story.accepted(), story.funded()]
        for place in order:
            await desk.tell(facts[place])
        message, queued = await desk.message(story), await desk.queued(story)
        assert message is not None
        assert queued is not None
        assert (message.state, message.price_micros, message.currency) == (State.FUNDED, 6_000_000, "RUB")
        assert (message.cleared_at, message.funded_at) == (story.cleared_at, story.funded().occurred_at)
        assert (queued.person, queued.phone_number_id, queued.lane) == (story.person, NUMBER, 1)


async def test_an_unpaid_message_is_not_queued_and_not_forgotten(desk: Desk) -> None:
    unpaid, paid = Story(), Story()
    await desk.tell(paid.funded())
    await desk.tell(unpaid.accepted(), paid.accepted())
    assert await desk.queued(unpaid) is None
    (batch,) = await desk.rows("select message_ids from waiting_batches")
    assert batch.message_ids == [unpaid.id]


async def test_a_refusal_before_the_acceptance_is_told_once_when_the_acceptance_comes(desk: Desk) -> None:
    story = Story()
    await desk.tell(story.refused())
    assert await desk.callbacks(story) == []
    await desk.tell(story.accepted())
    await desk.tell(story.accepted())
    await desk.tell(story.refused())
    (told,) = await desk.callbacks(story)
    assert (told["status"], told["error"]["code"], told["error"]["title"]) == ("failed", 131050, "no_consent")
    assert await desk.queued(story) is None


@pytest.mark.parametrize("bad", ["refused", "unfunded"])
async def test_a_refusal_takes_the_message_out_of_the_queue_and_is_told_once(desk: Desk, bad: str) -> None:
    story = Story()
    await desk.tell(story.accepted())
    for _ in range(2):
        await desk.tell(getattr(story, bad)())
    message = await desk.message(story)
    assert message is not None
    assert (message.state, await desk.queued(story)) == (State.FAILED, None)
    assert len(await desk.callbacks(story)) == 1


async def test_missing_money_before_the_acceptance_says_when_consent_let_the_message_pass(desk: Desk) -> None:
    story = Story()
    await desk.tell(story.unfunded())
    await desk.tell(story.accepted())
    message = await desk.message(story)
    assert message is not None
    assert (message.state, message.error_reason, message.cleared_at) == (State.FAILED, "no_balance", story.cleared_at)


async def test_a_report_before_any_half_is_kept_and_the_halves_change_nothing_of_it(desk: Desk) -> None:
    story = Story()
    await desk.tell(story.status("delivered"))
    await desk.tell(story.funded())
    await desk.tell(story.accepted())
    message = await desk.message(story)
    assert message is not None
    assert (message.state, message.price_micros) == (State.DELIVERED, 6_000_000)
    assert await desk.queued(story) is None
    assert len(await desk.callbacks(story)) == 1


async def test_a_failure_that_meta_reported_first_is_not_told_a_second_time(desk: Desk) -> None:
    story = Story()
    await desk.tell(story.status("failed", code=131047))
    await desk.tell(story.accepted())
    (told,) = await desk.callbacks(story)
    assert told["error"] == {"code": 131047, "title": "window_closed"}
    assert await desk.queued(story) is None


async def test_an_acceptance_that_is_published_again_says_the_same(desk: Desk) -> None:
    stories = [Story(), Story(origin="confirmation"), Story(lane="express")]
    said = [story.accepted() for story in stories]
    said[2] = msgspec.structs.replace(said[2], template_id=new_id(), template_version=3, max_price_micros=7)
    await desk.tell(*said)
    async with desk.database.transaction() as connection:
        again = await messages.acceptances(connection, [s.tenant_id for s in stories], [s.id for s in stories])
    assert sorted(again, key=lambda one: one.message_id) == sorted(said, key=lambda one: one.message_id)


async def test_money_for_a_message_that_has_ended_makes_its_end_be_said_again(desk: Desk) -> None:
    failed, expired, live = Story(), Story(), Story()
    await desk.tell(failed.accepted(), expired.accepted(), live.accepted())
    await desk.tell(failed.status("failed"))
    await desk.run("update messages set state = 9, expired_at = now() where id = :i", i=expired.id)
    for _ in range(2):  # also a repeated fact: the first answer may have been lost
        answers = await desk.tell(failed.funded(), expired.funded(), live.funded())
        said = {type(answer): answer for answer in answers}
        assert said.keys() == {MessageFailed, MessageExpired}
        assert {getattr(answer, "message_id") for answer in answers} == {failed.id, expired.id}  # noqa: B009


async def test_facts_that_are_said_twice_in_one_batch_count_once(desk: Desk) -> None:
    good, bad, poor = Story(), Story(), Story()
    stories = (good, bad, poor)
    await desk.tell(*(story.accepted() for story in stories), *(story.accepted() for story in stories))
    await desk.tell(bad.refused(), bad.refused())
    await desk.tell(good.funded(), poor.unfunded(), good.funded(), poor.unfunded())
    await desk.tell(good.status("sent"), good.status("sent"))
    states = [message.state for story in stories if (message := await desk.message(story))]
    assert states == [State.SENT, State.FAILED, State.FAILED]
    assert [len(await desk.callbacks(story)) for story in stories] == [1, 1, 1]


async def test_a_message_keeps_the_place_of_its_first_acceptance(desk: Desk) -> None:
    first, second = Story(), Story()
    await desk.tell(first.accepted(), second.accepted(), first.accepted())
    await desk.tell(first.accepted())
    await desk.tell(first.funded(), second.funded())
    one, two = await desk.queued(first), await desk.queued(second)
    assert one is not None
    assert two is not None
    assert one.position < two.position


async def test_money_for_a_message_that_ended_in_the_same_moment_makes_its_end_be_said_again(desk: Desk) -> None:
    """The end is committed while the batch with the money waits for the row."""
    story = Story()
    await desk.tell(story.accepted())
    async with desk.database.transaction() as connection:
        batch = [Received(story.refused(), 0, 1)]
        await progress.refused(connection, batch)
        paying = asyncio.create_task(desk.tell(story.funded()))
        await asyncio.sleep(0.2)
        assert not paying.done()
    (answer,) = await paying
    assert isinstance(answer, MessageFailed)


async def test_two_tenants_reports_about_one_id_in_one_batch_stay_apart(desk: Desk) -> None:
    story = Story()
    stranger = Story(id=story.id)
    await desk.tell(story.accepted())
    await desk.tell(stranger.status("read"), story.status("sent"))
    ours, theirs = await desk.message(story), await desk.message(stranger)
    assert ours is not None
    assert theirs is not None
    assert (ours.state, ours.read_at, theirs.state) == (State.SENT, None, State.READ)


async def test_another_tenants_fact_with_the_same_message_id_touches_nothing(desk: Desk) -> None:
    story = Story()
    await desk.tell(story.accepted())
    await desk.tell(Story(id=story.id).status("read"))
    message = await desk.message(story)
    assert message is not None
    assert message.state == State.ACCEPTED
