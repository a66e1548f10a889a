"""Claiming: the limits of numbers and persons, and the order of messages, are exact with any number of workers."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.messages.stand import Desk, Story, new_person

# No tokens come back while a test counts them.
STOP_REFILL = "update number_buckets set refilled_at = now() + interval '1 hour'"


async def test_two_workers_together_take_exactly_what_the_number_may_send(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    await desk.fund(*(Story() for _ in range(200)))
    await desk.run(STOP_REFILL)

    async def claim_all(hand: Worker) -> list[object]:
        return [message for _ in range(40) for message in await hand.claim(10)]

    first, second = await asyncio.gather(claim_all(worker), claim_all(other))
    assert len(first) + len(second) == len({*first, *second}) == 80


async def test_tokens_come_back_with_time_and_never_above_a_second_of_them(desk: Desk, worker: Worker) -> None:
    await desk.fund(*(Story() for _ in range(200)))
    await desk.run(STOP_REFILL)
    assert len(await worker.claim(200)) == 80
    await desk.run("update number_buckets set refilled_at = now() - interval '500 ms'")
    assert 40 <= len(await worker.claim(50)) <= 50
    await desk.run("update number_buckets set tokens = 0, refilled_at = now() - interval '1 hour'")
    assert len(await worker.claim(200)) <= 80


async def test_a_bucket_that_was_used_by_a_later_transaction_is_empty_and_no_error(desk: Desk, worker: Worker) -> None:
    await desk.fund(Story())
    await desk.run("update number_buckets set tokens = 0.1, refilled_at = now() + interval '1 minute'")
    assert await worker.claim() == []


async def test_a_numbers_new_limit_reaches_its_bucket(desk: Desk, worker: Worker) -> None:
    await desk.fund(*(Story() for _ in range(300)))
    assert len(await worker.claim(300)) == 80
    await desk.run("update numbers set messages_per_second = 1000")
    await desk.run("update number_buckets set refilled_at = now() - interval '1 second'")
    assert len(await worker.claim(300)) == 220


async def test_numbers_have_their_own_buckets(desk: Desk, worker: Worker) -> None:
    await desk.add_number("200", messages_per_second=2)
    slow = [Story(phone_number_id="200") for _ in range(5)]
    fast = [Story() for _ in range(5)]
    await desk.fund(*slow, *fast)
    await desk.run(STOP_REFILL)
    claimed = set(await worker.claim())
    assert len(claimed & {story.id for story in slow}) == 2
    assert len(claimed & {story.id for story in fast}) == 5


async def test_a_person_gets_one_message_at_a_time_in_the_order_of_acceptance(desk: Desk, worker: Worker) -> None:
    person = new_person()
    stories = [Story(person=person) for _ in range(4)]
    await desk.fund(*stories)
    for story in stories:
        assert await worker.claim() == [story.id]
        assert await worker.claim() == []
        attempts = await worker.start(story)
        assert await worker.claim() == []
        await worker.report(result(story, "sent", attempts[story.id]))


async def test_two_workers_never_hold_two_messages_of_one_person(desk: Desk, worker: Worker, other: Worker) -> None:
    people = [new_person() for _ in range(6)]
    stories = {story.id: story for _ in range(5) for person in people for story in [Story(person=person)]}
    await desk.fund(*stories.values())
    await desk.run("update numbers set messages_per_second = 1000")
    await desk.run("update number_buckets set tokens = 1000")
    order: dict[str, list[object]] = {person: [] for person in people}
    held: Counter[str] = Counter()

    async def work(hand: Worker) -> None:
        for _ in range(40):
            claimed = [stories[id_] for id_ in await hand.claim(4)]
            held.update(story.person for story in claimed)
            assert max(held.values(), default=0) <= 1
            for story in claimed:
                order[story.person].append(story.id)
            if claimed:
                attempts = await hand.start(*claimed)
                held.subtract(story.person for story in claimed)
                await hand.report(*(result(story, "sent", attempts[story.id]) for story in claimed))

    await asyncio.gather(work(worker), work(other))
    for person in people:
        assert order[person] == [story.id for story in stories.values() if story.person == person]


async def test_a_person_gets_45_at_once_and_then_one_in_six_seconds(desk: Desk, worker: Worker) -> None:
    person = new_person()
    stories = [Story(person=person) for _ in range(48)]
    await desk.fund(*stories)

    async def send_one() -> int:
        claimed = await worker.claim()
        await desk.run("delete from dispatch_queue where message_id = any(cast(:ids as uuid[]))", ids=claimed)
        return len(claimed)

    assert [await send_one() for _ in range(46)] == [1] * 45 + [0]
    await desk.run("update pairs set full_at = full_at - interval '6 seconds'")
    assert [await send_one() for _ in range(2)] == [1, 0]


async def test_an_answer_goes_before_a_mailing_also_to_the_same_person(desk: Desk, worker: Worker) -> None:
    person = new_person()
    bulk = [Story() for _ in range(3)] + [Story(person=person)]
    express = [Story(lane="express"), Story(lane="express", person=person)]
    await desk.fund(*bulk)
    await desk.fund(*express)
    assert set(await worker.claim(2)) == {story.id for story in express}
    assert set(await worker.claim()) == {story.id for story in bulk[:3]}


@pytest.mark.parametrize(
    "change",
    [
        "due_at = now() + interval '1 minute'",
        "expires_at = now() - interval '1 second'",
        "call_before = now() - interval '1 day'",
        "unknown_since = now() - interval '1 day'",
        "worker = gen_random_uuid(), lease_until = now() + interval '1 second'",
    ],
)
async def test_what_is_not_ready_is_not_claimed(desk: Desk, worker: Worker, change: str) -> None:
    ready, other = Story(), Story()
    await desk.fund(ready, other)
    await desk.run(f"update dispatch_queue set {change} where message_id = :i", i=other.id)
    assert await worker.claim() == [ready.id]


async def test_a_later_message_of_a_person_does_not_wait_for_one_that_is_deferred(desk: Desk, worker: Worker) -> None:
    person = new_person()
    first, second = Story(person=person), Story(person=person)
    await desk.fund(first, second)
    await desk.run(
        "update dispatch_queue set due_at = now() + interval '1 hour', was_called = true where message_id = :i",
        i=first.id,
    )
    assert await worker.claim() == [second.id]


async def test_a_later_message_of_a_person_waits_for_one_that_was_not_tried_yet(desk: Desk, worker: Worker) -> None:
    person = new_person()
    first, second = Story(person=person), Story(person=person)
    await desk.fund(first, second)
    await desk.run("update dispatch_queue set due_at = now() + interval '1 second' where message_id = :i", i=first.id)
    assert await worker.claim() == []


async def test_an_expired_lease_is_claimable_again_and_its_old_owner_may_not_start(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    story = Story()
    await desk.fund(story)
    assert await worker.claim() == [story.id]
    assert await other.claim() == []
    await desk.run("update dispatch_queue set lease_until = now() - interval '1 ms'")
    assert await worker.start(story) == {}
    assert await other.claim() == [story.id]
    assert await worker.start(story) == {}
    assert await other.start(story) == {story.id: 1}


async def test_a_lease_that_ran_out_leaves_the_turn_with_its_message(desk: Desk, worker: Worker, other: Worker) -> None:
    person = new_person()
    first, second = Story(person=person), Story(person=person)
    await desk.fund(first, second)
    await worker.claim()
    await desk.run("update dispatch_queue set lease_until = now() - interval '1 ms' where worker is not null")
    assert await other.claim() == [first.id]


async def test_an_answer_does_not_overtake_a_message_whose_worker_may_be_beginning(
    desk: Desk, worker: Worker, other: Worker
) -> None:
    person = new_person()
    first, answer = Story(person=person), Story(person=person, lane="express")
    await desk.fund(first)
    await worker.claim()
    await desk.fund(answer)
    await desk.run("update dispatch_queue set lease_until = now() - interval '1 ms' where worker is not null")
    assert await other.claim() == []
    await desk.run("update dispatch_queue set lease_until = now() - interval '3 seconds' where worker is not null")
    assert await other.claim() == [answer.id]


async def test_a_message_that_leaves_the_queue_while_leased_is_not_started(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    await worker.claim()
    await desk.tell(story.status("delivered"))
    assert await worker.start(story) == {}


async def test_claims_of_many_numbers_fill_the_slots_with_the_oldest(desk: Desk, worker: Worker) -> None:
    stories = []
    for number in ("301", "302", "303"):
        await desk.add_number(number)
        stories += [Story(phone_number_id=number) for _ in range(4)]
    await desk.fund(*stories)
    for age, story in enumerate(stories):
        await desk.run(
            "update dispatch_queue set due_at = now() - cast(:age as interval) where message_id = :i",
            age=timedelta(seconds=age),
            i=story.id,
        )
    assert set(await worker.claim(5)) == {story.id for story in stories[-5:]}
