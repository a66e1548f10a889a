"""What time alone brings: times are written into rows, and one round of the sweeper is made."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from services.gateway.messages.states import State
from services.gateway.sweeping.service import Sweeper
from services.gateway.waiting import repository
from services.gateway.waiting import service as waiting
from services.gateway.waiting.repository import Batch
from services.gateway.waiting.service import BATCH_MESSAGES_MAX
from services.kernel import clock
from services.kernel.contracts.messages import MESSAGES
from services.kernel.db import Database
from services.kernel.kafka.publisher import Publisher
from services.kernel.kafka.record import decode
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.messages.stand import Desk, Story
from tests.gateway.stand import topic_since_now

GRACE_SECONDS = 60
MAX_SECONDS = 180


@pytest.fixture
async def desk(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    desk = Desk(await make_database("gateway"))
    await desk.add_number()
    return desk


@pytest.fixture
def worker(desk: Desk) -> Worker:
    return Worker(desk)


@pytest.fixture
def sweeper(desk: Desk, publisher: Publisher) -> Sweeper:
    return Sweeper(
        database=desk.database,
        publisher=publisher,
        unknown_grace_seconds=GRACE_SECONDS,
        unknown_max_seconds=MAX_SECONDS,
        written=lambda: None,
    )


async def sweep_back(sweeper: Sweeper) -> None:
    """Until the silent ones of a whole month are seen; each round takes a part of it."""
    while not sweeper._silence_at:
        await sweeper.sweep()


async def state_of(desk: Desk, story: Story) -> State:
    return await desk.state(story)


async def set_queue(desk: Desk, story: Story, change: str, **parameters: Any) -> None:
    await desk.run(f"update dispatch_queue set {change} where message_id = :i", i=story.id, **parameters)


async def begun(desk: Desk, story: Story, *, seconds_ago: float) -> None:
    """Its call was to begin so long ago; one batch has the calls of each claim."""
    ago = timedelta(seconds=seconds_ago)
    await set_queue(desk, story, "call_before = now() - cast(:ago as interval)", ago=ago)
    await desk.run(
        """update call_batches set call_before = least(call_before, now() - cast(:ago as interval))
            where :i = any(message_ids)""",
        ago=ago,
        i=story.id,
    )


async def unknown_for(desk: Desk, worker: Worker, seconds: float) -> Story:
    story = Story()
    await desk.fund(story)
    await worker.report(result(story, "unknown", await worker.begin(story)))
    await set_queue(desk, story, "unknown_since = now() - cast(:age as interval)", age=timedelta(seconds=seconds))
    return story


async def look_now(desk: Desk) -> None:
    await desk.run("update waiting_batches set look_at = now() - interval '1 second'")


async def hear(desk: Desk, ago_seconds: float) -> None:
    await desk.run(
        """insert into number_reports (phone_number_id, last_status_at)
           select phone_number_id, now() - cast(:age as interval) from numbers
           on conflict (phone_number_id) do update set last_status_at = excluded.last_status_at""",
        age=timedelta(seconds=ago_seconds),
    )


async def test_a_call_that_must_have_ended_is_unknown_and_frees_its_person(
    desk: Desk, worker: Worker, sweeper: Sweeper
) -> None:
    lost, running = Story(), Story()
    await desk.fund(lost, running)
    await worker.claim()
    await worker.start(lost, running)
    await begun(desk, lost, seconds_ago=13)
    await begun(desk, running, seconds_ago=10)
    await sweeper.sweep()
    assert [await state_of(desk, story) for story in (lost, running)] == [State.UNKNOWN, State.SENDING]
    assert [(await desk.pair(story)).is_busy for story in (lost, running)] == [False, True]


async def test_a_lost_call_that_meta_reported_as_sent_is_not_given_up(
    desk: Desk, worker: Worker, sweeper: Sweeper
) -> None:
    story = Story()
    await desk.fund(story)
    await worker.begin(story)
    await desk.tell(story.status("sent"))
    await begun(desk, story, seconds_ago=86_400)
    for _ in range(2):
        await sweeper.sweep()
    assert (await state_of(desk, story), await desk.queued(story)) == (State.SENT, None)
    assert len(await desk.callbacks(story)) == 1


async def test_silence_about_a_number_is_no_evidence_until_the_longest_wait_is_over(
    desk: Desk, worker: Worker, sweeper: Sweeper
) -> None:
    young, old, oldest = [await unknown_for(desk, worker, age) for age in (30, 100, 200)]
    await sweeper.sweep()
    assert [await state_of(desk, story) for story in (young, old, oldest)] == [
        State.UNKNOWN,
        State.UNKNOWN,
        State.FAILED,
    ]


async def test_reports_of_the_number_that_name_others_are_evidence_after_the_grace(
    desk: Desk, worker: Worker, sweeper: Sweeper
) -> None:
    story = await unknown_for(desk, worker, 100)
    await hear(desk, ago_seconds=50)  # 50 s after the send: less than the grace
    await sweeper.sweep()
    assert await state_of(desk, story) is State.UNKNOWN
    await hear(desk, ago_seconds=30)
    await sweeper.sweep()
    message = await desk.message(story)
    assert message is not None
    assert (message.error_code, message.error_reason) == (131000, "unknown")
    assert (await desk.outbox(story), len(await desk.callbacks(story))) == (["failed"], 1)
    assert await desk.queued(story) is None


async def test_a_report_of_the_number_is_noted_for_its_unknown_messages(desk: Desk, worker: Worker) -> None:
    story, other = await unknown_for(desk, worker, 10), Story()
    await desk.fund(other)
    for name in ("delivered", "sent"):  # an older report changes nothing
        await desk.tell(other.status(name))
    (bucket,) = await desk.rows("select last_status_at from number_reports")
    assert bucket.last_status_at == other.status("delivered").occurred_at
    assert await state_of(desk, story) is State.UNKNOWN


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
async def test_a_report_lifts_what_was_given_up(desk: Desk, worker: Worker, sweeper: Sweeper, status: Any) -> None:
    story = await unknown_for(desk, worker, MAX_SECONDS + 1)
    await sweeper.sweep()
    assert await state_of(desk, story) is State.FAILED
    await desk.tell(story.status(status))
    message = await desk.message(story)
    assert message is not None
    assert (State(message.state).name.lower(), message.error_reason) == (status, None)


async def test_what_waits_past_its_time_expires_and_is_told_and_published(
    desk: Desk, worker: Worker, sweeper: Sweeper
) -> None:
    held, ready, leased, calling, unknown = stories = [Story() for _ in range(5)]
    await desk.tell(*(story.accepted() for story in stories))
    await desk.tell(*(story.funded() for story in stories if story is not held))
    await set_queue(desk, ready, "due_at = now() + interval '1 hour'")  # deferred by Meta
    await worker.claim()
    await worker.start(calling, unknown)
    await worker.report(result(unknown, "unknown"))
    await desk.run("update dispatch_queue set expires_at = now() - interval '1 second'")
    await desk.run("update messages set expires_at = now() - interval '1 second' where state = 0")
    await look_now(desk)
    await sweeper.sweep()
    states = [await state_of(desk, story) for story in stories]
    assert states == [State.EXPIRED, State.EXPIRED, State.FUNDED, State.SENDING, State.UNKNOWN]
    for story in (held, ready):
        assert (await desk.outbox(story), await desk.queued(story)) == (["expired"], None)
        (told,) = await desk.callbacks(story)
        assert (told["status"], told["error"]["title"]) == ("failed", "expired")
    await set_queue(desk, leased, "lease_until = now() - interval '1 second'")
    await sweeper.sweep()
    assert await state_of(desk, leased) is State.EXPIRED


async def test_a_report_lifts_an_expired_message(desk: Desk, sweeper: Sweeper) -> None:
    story = Story()
    await desk.fund(story)
    await set_queue(desk, story, "expires_at = now() - interval '1 second'")
    await sweeper.sweep()
    await desk.tell(story.status("delivered"))
    assert await state_of(desk, story) is State.DELIVERED


async def test_two_sweepers_tell_an_end_once(desk: Desk, worker: Worker, sweeper: Sweeper) -> None:
    story = await unknown_for(desk, worker, MAX_SECONDS + 1)
    await sweeper.sweep()
    await sweeper.sweep()
    assert (await desk.outbox(story), len(await desk.callbacks(story))) == (["failed"], 1)


async def test_an_unanswered_acceptance_is_published_again_as_it_was_and_then_after_twice_the_time(
    desk: Desk, sweeper: Sweeper, infrastructure: Infrastructure
) -> None:
    waiting, paid, old = Story(), Story(), Story()
    await desk.tell(waiting.accepted(), paid.accepted(), old.accepted())
    await desk.tell(paid.funded())
    pauses = []
    async with topic_since_now(infrastructure, MESSAGES.name) as topic:
        await desk.run(
            "update messages set expires_at = now() - interval '1 second' where id = :i and tenant_id = :t",
            i=old.id,
            t=old.tenant_id,
        )
        await look_now(desk)
        for _ in range(3):
            await sweeper.sweep()
            await sweeper.sweep()
            (row,) = await desk.rows(
                "select extract(epoch from look_at - now()) as pause, message_ids from waiting_batches"
            )
            assert row.message_ids == [waiting.id]
            pauses.append(round(float(row.pause), -1))
            await look_now(desk)
        records = await topic.read()
    said = [decode(record.headers, record.value) for record in records]
    ours = [event for event in said if event.tenant_id in {waiting.tenant_id, paid.tenant_id, old.tenant_id}]
    assert ours == [waiting.accepted()] * 3
    assert pauses == [240, 480, 960]
    assert await state_of(desk, old) is State.EXPIRED


async def test_who_lives_shorter_than_the_first_pause_is_looked_at_when_its_time_is_over(desk: Desk) -> None:
    short, shorter, long = [Story(lifetime=timedelta(seconds=seconds)) for seconds in (40, 39.5, 3_600)]
    await desk.tell(*(story.accepted() for story in (short, shorter, long)))
    rows = await desk.rows("select look_at, message_ids from waiting_batches order by look_at")
    assert {id_ for row in rows[:-1] for id_ in row.message_ids} == {short.id, shorter.id}
    assert all(0 <= (row.look_at - shorter.accepted().expires_at).total_seconds() <= 1.5 for row in rows[:-1])
    assert rows[-1].message_ids == [long.id]


async def test_a_crowd_that_waits_is_looked_at_some_at_a_time_the_earliest_first(desk: Desk) -> None:
    subjects = [(UUID(int=1), UUID(int=number)) for number in range(6)]
    async with desk.database.transaction() as connection:
        for minutes in (1, 3, 2):  # ago; two messages each
            look_at = clock.now() - timedelta(minutes=minutes)
            await repository.keep(connection, Batch(look_at, minutes, subjects[2 * minutes - 2 : 2 * minutes]))
    looks = []
    for _ in range(3):
        async with desk.database.transaction() as connection:
            taken = await repository.take_due(connection, count=10, messages_max=3)
            looks.append(sorted(row.rounds for row in taken))
    assert looks == [[2, 3], [1], []]


async def test_a_message_is_silent_until_its_time_is_over_and_then_no_more(desk: Desk) -> None:
    story = Story()
    await desk.tell(story.accepted())
    subject, ends_at = (story.tenant_id, story.id), story.accepted().expires_at
    for now, silent, over in ((ends_at - timedelta(microseconds=1), [subject], []), (ends_at, [], [subject])):
        await look_now(desk)
        with clock.frozen(now):
            async with desk.database.transaction() as connection:
                due = await waiting.take_due(connection, first_seconds=1.0)
        assert (due.silent, due.over) == (silent, over), now


async def test_those_that_are_silent_together_stay_in_batches_that_one_look_can_take(desk: Desk) -> None:
    stories = [Story() for _ in range(2 * BATCH_MESSAGES_MAX + 1)]
    expires_at = clock.now() + timedelta(days=1)
    rows = [SimpleNamespace(tenant_id=one.tenant_id, id=one.id, expires_at=expires_at) for one in stories]
    async with desk.database.transaction() as connection:
        await waiting.note(connection, cast(Any, rows))
    sizes = await desk.rows("select cardinality(message_ids) as size from waiting_batches order by id")
    assert [row.size for row in sizes] == [BATCH_MESSAGES_MAX, BATCH_MESSAGES_MAX, 1]


async def test_what_is_paid_for_while_the_sweeper_looks_does_not_expire_as_unpaid(desk: Desk, sweeper: Sweeper) -> None:
    story = Story(lifetime=timedelta(seconds=1))  # its time is over, and its money comes late
    await desk.tell(story.accepted())
    await look_now(desk)
    await asyncio.gather(desk.tell(story.funded()), sweeper.sweep())
    for _ in range(2):
        await sweeper.sweep()
    assert (await state_of(desk, story), await desk.queued(story)) == (State.EXPIRED, None)
    assert await desk.outbox(story) == ["expired"]
    assert len(await desk.callbacks(story)) == 1


async def test_a_sent_message_of_which_nothing_more_is_heard_expires_after_seven_days_more(
    desk: Desk, worker: Worker, sweeper: Sweeper
) -> None:
    began = clock.now() - timedelta(days=8, minutes=5)
    silent, delivered = [Story(began=began, id=_id_of(began, number)) for number in range(2)]
    young = Story(began=began + timedelta(hours=1), id=_id_of(began + timedelta(hours=1), 2))
    for story in (silent, delivered, young):
        await desk.fund(story)
        await desk.tell(story.status("sent"))
    await desk.tell(delivered.status("delivered"))
    await sweep_back(sweeper)
    states = [await state_of(desk, story) for story in (silent, delivered, young)]
    assert states == [State.EXPIRED, State.DELIVERED, State.SENT]
    assert await desk.outbox(silent) == ["expired"]
    await desk.tell(silent.status("read"))
    assert await state_of(desk, silent) is State.READ


async def test_a_sent_reaction_is_settled_since_meta_reports_nothing_more_of_it(desk: Desk, sweeper: Sweeper) -> None:
    began = clock.now() - timedelta(days=8, minutes=5)
    reaction, text = [Story(began=began, id=_id_of(began, number)) for number in range(2)]
    await desk.tell(msgspec.structs.replace(reaction.accepted(), kind="reaction"))
    await desk.tell(msgspec.structs.replace(text.accepted(), kind="text"))
    for story in (reaction, text):
        await desk.tell(story.status("sent"))
    await sweep_back(sweeper)
    assert [await state_of(desk, story) for story in (reaction, text)] == [State.SENT, State.EXPIRED]


async def test_a_message_with_a_longer_life_expires_seven_days_after_its_own_end(desk: Desk, sweeper: Sweeper) -> None:
    began = clock.now() - timedelta(days=20)
    stories = [
        Story(began=began, id=_id_of(began, days), lifetime=timedelta(days=days, minutes=-5)) for days in (13, 14, 30)
    ]
    for story in stories:
        await desk.tell(story.accepted())
        await desk.tell(story.status("sent"))
    await sweep_back(sweeper)
    assert [await state_of(desk, story) for story in stories] == [State.EXPIRED, State.SENT, State.SENT]


async def test_what_fell_silent_while_no_worker_ran_is_found_by_the_next_one(desk: Desk, sweeper: Sweeper) -> None:
    began = clock.now() - timedelta(days=20)
    short = Story(began=began, id=_id_of(began, 0))
    long = Story(began=began, id=_id_of(began, 1), lifetime=timedelta(days=3))
    for story in (short, long):
        await desk.tell(story.accepted())
        await desk.tell(story.status("sent"))
    await sweep_back(sweeper)
    assert [await state_of(desk, story) for story in (short, long)] == [State.EXPIRED, State.EXPIRED]


async def test_more_silent_messages_than_one_round_takes_are_all_found(desk: Desk, sweeper: Sweeper) -> None:
    began = clock.now() - timedelta(days=8, hours=1)
    stories = [Story(began=began, id=_id_of(began, number)) for number in range(1_200)]
    for at in range(0, len(stories), 400):
        await desk.tell(*(story.status("sent") for story in stories[at : at + 400]))
        await desk.tell(*(story.accepted() for story in stories[at : at + 400]))
    await sweep_back(sweeper)
    rows = await desk.rows("select count(*) as total from messages where state = 9")
    assert rows[0].total == 1_200


async def test_a_report_that_came_before_its_wamid_was_known_is_applied_when_it_is(
    desk: Desk, worker: Worker, sweeper: Sweeper
) -> None:
    story, other = Story(), Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await desk.tell(story.status("delivered", is_named=False), other.status("sent", is_named=False))
    await sweeper.sweep()
    assert await state_of(desk, story) is State.SENDING
    await worker.report(result(story, "sent", attempt))
    await desk.run("update unmatched_statuses set look_at = now()")
    for _ in range(2):
        await sweeper.sweep()
    assert await state_of(desk, story) is State.DELIVERED
    (told,) = await desk.callbacks(story)
    assert told["event_id"] == story.status("delivered").id
    (kept,) = await desk.rows("select wamid_index from unmatched_statuses")
    assert kept.wamid_index == other.wamid_index


async def test_a_kept_report_is_looked_at_again_at_twice_its_age_and_at_the_end_of_its_time(
    desk: Desk, sweeper: Sweeper
) -> None:
    await desk.tell(Story().status("sent", is_named=False))
    pauses = []
    for age in ("0", "1 minute", "5 days"):
        await desk.run(
            "update unmatched_statuses set look_at = now(), stored_at = now() - cast(cast(:age as text) as interval)",
            age=age,
        )
        for _ in range(2):
            await sweeper.sweep()
        (row,) = await desk.rows("select extract(epoch from look_at - now()) as pause from unmatched_statuses")
        pauses.append(float(row.pause))
    assert 0 < pauses[0] < 50
    assert 50 < pauses[1] < 3_600
    assert 3 * 86_400 - 60 < pauses[2] <= 3 * 86_400


async def test_a_kept_report_that_nobody_claims_is_forgotten_after_metas_seven_days(
    desk: Desk, sweeper: Sweeper
) -> None:
    await desk.tell(Story().status("sent", is_named=False), Story().status("sent", is_named=False))
    await desk.run(
        """update unmatched_statuses set stored_at = now() - interval '9 days'
            where event_id = (select event_id from unmatched_statuses limit 1)"""
    )
    await sweeper.sweep()
    assert len(await desk.rows("select 1 from unmatched_statuses")) == 1


def _id_of(at: Any, number: int) -> UUID:
    return UUID(int=(int(at.timestamp() * 1000) << 80) | (0x7 << 76) | (0x8 << 60) | number)


async def test_reports_that_nobody_owns_are_looked_at_as_fast_as_they_come(desk: Desk, sweeper: Sweeper) -> None:
    await desk.run(
        """insert into unmatched_statuses (tenant_id, wamid_index, event_id, report)
           select gen_random_uuid(), number, gen_random_uuid(), '{}' from generate_series(1, 1200) number"""
    )
    await sweeper.sweep()
    assert await desk.rows("select 1 from unmatched_statuses where look_at = stored_at") == []
