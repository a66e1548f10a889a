"""Parking: what Meta takes nothing from rests alone, and whoever waits there in vain is told."""

import pytest

from services.gateway.dispatch.fates import Parks
from services.gateway.messages.states import State
from services.gateway.sweeping.service import Sweeper
from services.kernel.kafka.publisher import Publisher
from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.messages.stand import Desk, Story, new_person


@pytest.fixture
async def numbers(desk: Desk) -> tuple[str, str]:
    """Two numbers, of two tenants."""
    await desk.add_number("200")
    await desk.add_number("300")
    return "200", "300"


async def refuse(worker: Worker, story: Story, parks: Parks, *, seconds: float = 60.0) -> None:
    """Meta turns one message down, and with it what it parks."""
    attempt = await worker.begin(story)
    await worker.report(result(story, "requeue", attempt, delay_seconds=seconds, parks=parks))


async def test_a_number_that_meta_takes_nothing_from_parks_its_own_messages_only(
    desk: Desk, worker: Worker, other: Worker, numbers: tuple[str, str]
) -> None:
    paused, free = numbers
    first = Story(phone_number_id=paused)
    await desk.fund(first)
    await refuse(worker, first, Parks.NUMBER)
    waiting = [Story(phone_number_id=paused, lane=lane) for lane in ("bulk", "express")]
    going = [Story(phone_number_id=free) for _ in range(3)]
    await desk.fund(*waiting, *going)
    assert set(await other.claim()) == {story.id for story in going}
    assert await worker.claim() == []
    assert [(await desk.queued(story)).attempt for story in waiting] == [0, 0]  # type: ignore[union-attr]  # not tried


async def test_a_parked_number_goes_on_by_itself_and_begins_with_few(
    desk: Desk, worker: Worker, numbers: tuple[str, str]
) -> None:
    paused, _ = numbers
    first = Story(phone_number_id=paused)
    await desk.fund(first)
    await refuse(worker, first, Parks.NUMBER, seconds=0.2)
    await desk.fund(*(Story(phone_number_id=paused) for _ in range(100)))
    await desk.run("update number_buckets set parked_until = now() - interval '1 ms'")
    await desk.run("update number_buckets set refilled_at = now() - interval '100 ms'")
    assert 8 <= len(await worker.claim()) <= 40


async def test_a_refused_mailing_lets_answers_of_the_same_number_go_on(
    desk: Desk, worker: Worker, numbers: tuple[str, str]
) -> None:
    restricted, _ = numbers
    first = Story(phone_number_id=restricted)
    await desk.fund(first)
    await refuse(worker, first, Parks.MAILINGS)
    bulk, answer = Story(phone_number_id=restricted), Story(phone_number_id=restricted, lane="express")
    await desk.fund(bulk, answer)
    assert await worker.claim() == [answer.id]
    assert await worker.claim() == []


async def test_a_pair_that_meta_finds_too_busy_waits_and_other_people_do_not(desk: Desk, worker: Worker) -> None:
    person = new_person()
    first, second, stranger = Story(person=person), Story(person=person), Story()
    await desk.fund(first)
    await refuse(worker, first, Parks.PAIR, seconds=4)
    await desk.fund(second, stranger)
    assert await worker.claim() == [stranger.id]
    await desk.run("update pairs set full_at = full_at - interval '4 seconds'")
    assert await worker.claim() == [second.id]
    await worker.report(result(second, "sent", (await worker.start(second))[second.id]))
    third = Story(person=person)
    await desk.fund(third)
    assert await worker.claim() == []  # one in six seconds from here on


async def test_a_park_is_never_shortened_by_an_answer_that_comes_later(
    desk: Desk, worker: Worker, numbers: tuple[str, str]
) -> None:
    paused, _ = numbers
    stories = [Story(phone_number_id=paused) for _ in range(2)]
    await desk.fund(*stories)
    await worker.claim()
    attempts = await worker.start(*stories)
    for story, seconds in zip(stories, (300, 1), strict=True):
        await worker.report(result(story, "requeue", attempts[story.id], delay_seconds=seconds, parks=Parks.NUMBER))
    (bucket,) = await desk.rows(
        "select parked_until > now() + interval '290 s' as is_long from number_buckets where phone_number_id = :n",
        n=paused,
    )
    assert bucket.is_long


async def test_what_expires_while_its_number_is_parked_is_told_and_published_for_billing_to_release(
    desk: Desk, worker: Worker, publisher: Publisher, numbers: tuple[str, str]
) -> None:
    paused, _ = numbers
    first = Story(phone_number_id=paused)
    await desk.fund(first)
    await refuse(worker, first, Parks.NUMBER)
    late = [Story(phone_number_id=paused, lane=lane) for lane in ("bulk", "express")]
    await desk.fund(*late)
    await desk.run("update dispatch_queue set expires_at = now() - interval '1 second'")
    sweeper = Sweeper(
        database=desk.database,
        publisher=publisher,
        unknown_grace_seconds=60,
        unknown_max_seconds=600,
        written=lambda: None,
    )
    await sweeper.sweep()
    for story in (first, *late):
        assert (await desk.outbox(story), await desk.queued(story)) == (["expired"], None)
        (told,) = await desk.callbacks(story)
        assert (told["status"], told["error"]["title"]) == ("failed", "expired")
        assert (await desk.message(story)).state == State.EXPIRED  # type: ignore[union-attr]  # it is there


async def test_a_switched_off_number_parks_its_own_messages_until_it_is_on(
    desk: Desk, worker: Worker, numbers: tuple[str, str]
) -> None:
    off, on = numbers
    waits, goes = Story(phone_number_id=off), Story(phone_number_id=on)
    await desk.fund(waits, goes)
    await desk.run("update numbers set state = 'suspended' where phone_number_id = :n", n=off)
    assert await worker.claim() == [goes.id]
    await desk.run("update numbers set state = 'active' where phone_number_id = :n", n=off)
    assert await worker.claim() == [waits.id]
