"""What became of a call is written once, by the attempt that is still the present one."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.gateway.dispatch import repository
from services.gateway.messages.states import State
from services.kernel import clock
from services.kernel.db import PLANS_KEPT
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.messages.stand import Desk, Story, new_person
from tests.gateway.messages.test_plans import nodes


async def state_of(desk: Desk, story: Story) -> State:
    return await desk.state(story)


async def test_a_sent_message_leaves_the_queue_and_keeps_its_wamid(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    await worker.report(result(story, "sent", await worker.begin(story)))
    message = await desk.message(story)
    assert message is not None
    assert (State(message.state), message.wamid_index, message.wamid) == (
        State.SENT,
        story.wamid_index,
        b"sealed wamid",
    )
    assert (await desk.queued(story), await desk.outbox(story)) == (None, [])
    assert not (await desk.pair(story)).is_busy
    assert await desk.callbacks(story) == []  # Meta's own report tells the tenant


async def test_a_refused_message_fails_is_told_once_and_published(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    for _ in range(2):
        await worker.report(result(story, "failed", attempt))
    message = await desk.message(story)
    assert message is not None
    assert (State(message.state), message.error_code, message.error_reason) == (State.FAILED, 131026, "meta_refused")
    assert (await desk.queued(story), await desk.outbox(story)) == (None, ["failed"])
    (told,) = await desk.callbacks(story)
    assert told["error"]["code"] == 131026


async def test_what_was_not_sent_goes_back_with_its_token(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await desk.run("update pairs set full_at = now() + interval '263 seconds'")
    await desk.run("update number_buckets set tokens = 0, refilled_at = now() + interval '1 hour'")
    await worker.report(result(story, "requeue", attempt, refund=1))
    pair = await desk.pair(story)
    assert (pair.is_busy, int(pair.tokens)) == (False, 2)
    assert (await desk.rows("select tokens from number_buckets"))[0].tokens == 1
    assert await worker.begin(story) == attempt + 1


async def test_a_deferred_message_waits_and_lets_others_of_its_person_pass(desk: Desk, worker: Worker) -> None:
    person = new_person()
    story, next_one = Story(person=person), Story(person=person)
    await desk.fund(story, next_one)
    await worker.report(result(story, "requeue", await worker.begin(story), delay_seconds=60))
    assert await worker.claim() == [next_one.id]
    assert (await desk.outbox(story), await desk.callbacks(story)) == ([], [])


async def test_a_message_whose_call_did_not_begin_keeps_its_place_and_one_that_meta_put_off_does_not(
    desk: Desk, worker: Worker
) -> None:
    person = new_person()
    story, next_one = Story(person=person), Story(person=person)
    await desk.fund(story, next_one)
    attempt = await worker.begin(story)
    await worker.report(result(story, "requeue", attempt, delay_seconds=0.2, refund=1))
    assert await worker.claim() == []
    await asyncio.sleep(0.3)
    await worker.report(result(story, "requeue", await worker.begin(story), delay_seconds=60))
    assert await worker.claim() == [next_one.id]


async def test_a_result_that_waited_for_the_row_still_lets_the_message_leave(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    async with desk.database.transaction() as connection:
        await connection.execute(text("update dispatch_queue set position = position"))
        report = asyncio.create_task(worker.report(result(story, "sent", attempt)))
        await asyncio.sleep(0.3)
        assert not report.done()
    await report
    assert await desk.queued(story) is None


async def test_a_refund_never_fills_a_pair_above_its_burst(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await desk.run("update pairs set full_at = now() - interval '1 hour'")
    await worker.report(result(story, "requeue", attempt, refund=1))
    assert (await desk.pair(story)).tokens == 45


async def test_an_ambiguous_send_waits_as_unknown_and_frees_its_person(desk: Desk, worker: Worker) -> None:
    person = new_person()
    story, next_one = Story(person=person), Story(person=person)
    await desk.fund(story, next_one)
    await worker.report(result(story, "unknown", await worker.begin(story)))
    queued = await desk.queued(story)
    assert queued is not None
    assert queued.unknown_since is not None
    assert await state_of(desk, story) is State.UNKNOWN
    assert await worker.claim() == [next_one.id]


async def test_a_wamid_wins_over_unknown(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await worker.report(result(story, "unknown", attempt))  # the sweeper thought the worker dead
    await worker.report(result(story, "sent", attempt))
    assert await state_of(desk, story) is State.SENT
    assert (await desk.queued(story), await desk.outbox(story)) == (None, [])


async def test_a_late_not_sent_requeues_from_unknown_and_the_message_is_sent_after_all(
    desk: Desk, worker: Worker
) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await worker.report(result(story, "unknown", attempt))
    await worker.report(result(story, "requeue", attempt))
    again = await worker.begin(story)
    assert again == attempt + 1
    await worker.report(result(story, "sent", again))
    assert await state_of(desk, story) is State.SENT


@pytest.mark.parametrize("late", ["requeue", "unknown", "failed"])
async def test_a_late_result_changes_nothing_of_a_message_that_has_ended(desk: Desk, worker: Worker, late: str) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await worker.report(result(story, "failed", attempt, code=1, reason="unknown"))
    before = await desk.message(story)
    await worker.report(result(story, late, attempt))
    assert (await desk.message(story), await desk.queued(story)) == (before, None)


async def test_a_late_wamid_lifts_a_message_that_was_given_up(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await worker.report(result(story, "failed", attempt, code=131000, reason="unknown"))
    await worker.report(result(story, "sent", attempt))
    assert await state_of(desk, story) is State.SENT
    assert await desk.outbox(story) == ["failed"]


@pytest.mark.parametrize("stale", ["requeue", "unknown", "failed"])
async def test_a_stale_attempt_has_no_say_and_frees_nobodys_pair(desk: Desk, worker: Worker, stale: str) -> None:
    story = Story()
    await desk.fund(story)
    first = await worker.begin(story)
    await worker.report(result(story, "requeue", first))
    second = await worker.begin(story)
    await worker.report(result(story, stale, first))
    queued = await desk.queued(story)
    assert queued is not None
    assert (queued.attempt, queued.call_before is not None) == (second, True)
    assert await state_of(desk, story) is State.SENDING
    assert (await desk.pair(story)).is_busy


async def test_a_stale_attempt_brings_its_wamid_and_leaves_the_present_one_alone(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    first = await worker.begin(story)
    await worker.report(result(story, "requeue", first))
    second = await worker.begin(story)
    await worker.report(result(story, "sent", first), result(story, "unknown", second))
    message = await desk.message(story)
    assert message is not None
    assert (State(message.state), message.wamid_index) == (State.SENT, story.wamid_index)


@pytest.mark.parametrize("outcome", ["unknown", "requeue"])
async def test_a_message_that_meta_reported_meanwhile_is_neither_sent_again_nor_given_up(
    desk: Desk, worker: Worker, outcome: str
) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await desk.tell(story.status("sent"))  # the worker is still at it: its row stays
    assert await desk.queued(story) is not None
    await worker.report(result(story, outcome, attempt))
    assert (await desk.queued(story), await state_of(desk, story)) == (None, State.SENT)
    assert not (await desk.pair(story)).is_busy


@pytest.mark.parametrize("is_report_first", [True, False])
async def test_metas_id_is_written_once_whatever_brings_it_first(
    desk: Desk, worker: Worker, is_report_first: bool
) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    if is_report_first:
        await desk.tell(story.status("sent"))
    await worker.report(result(story, "sent", attempt))
    await desk.tell(story.status("sent"), story.status("delivered"))
    await desk.tell(story.status("read", is_named=False))
    names = await desk.rows("select wamid_index from message_wamids where id = :i", i=story.id)
    assert [row.wamid_index for row in names] == [story.wamid_index]
    assert await state_of(desk, story) is State.READ


async def test_sent_and_other_results_of_one_batch_are_all_written(desk: Desk, worker: Worker) -> None:
    sent, lost, again = [Story() for _ in range(3)]
    await desk.fund(sent, lost, again)
    await worker.claim()
    attempts = await worker.start(sent, lost, again)
    outcomes = {sent: "sent", lost: "unknown", again: "requeue"}
    await worker.report(*(result(story, outcome, attempts[story.id]) for story, outcome in outcomes.items()))
    states = [await state_of(desk, story) for story in (sent, lost, again)]
    assert states == [State.SENT, State.UNKNOWN, State.SENDING]
    rows = [await desk.message(story) for story in (sent, lost, again)]
    assert all(row is not None and row.sending_at is not None for row in rows)
    assert [await desk.queued(story) is None for story in (sent, lost, again)] == [True, False, False]


async def test_a_result_that_comes_after_the_report_does_not_set_the_message_back(desk: Desk, worker: Worker) -> None:
    story = Story()
    await desk.fund(story)
    attempt = await worker.begin(story)
    await desk.tell(story.status("read"))
    await worker.report(result(story, "sent", attempt))
    message = await desk.message(story)
    assert message is not None
    assert (State(message.state), message.wamid) == (State.READ, b"sealed wamid")
    assert (await desk.queued(story), await desk.outbox(story)) == (None, [])


async def test_nothing_is_published_when_the_transaction_fails(desk: Desk, worker: Worker) -> None:
    good, bad = Story(), Story()
    await desk.fund(good, bad)
    await worker.claim()
    attempts = await worker.start(good, bad)
    with pytest.raises(IntegrityError):
        await worker.report(
            result(good, "sent", attempts[good.id]),
            result(bad, "failed", attempts[bad.id], code=None),
        )
    assert (await state_of(desk, good), await desk.outbox(good)) == (State.SENDING, [])
    assert await desk.queued(good) is not None


async def test_results_read_their_own_rows_only_where_statistics_say_that_the_queue_is_empty(
    desk: Desk, worker: Worker, infrastructure: Infrastructure
) -> None:
    await desk.fund(*(Story() for _ in range(500)))
    await desk.run("delete from dispatch_queue")
    owner = await asyncpg.connect(
        f"{infrastructure.owners['gateway'].rpartition('/')[0]}/{desk.database.engine.url.database}"
    )
    await owner.execute("analyze dispatch_queue")
    await owner.close()
    stories = [Story() for _ in range(500)]
    await desk.fund(*stories)
    await desk.run("update dispatch_queue set attempt = 1, call_before = now() + interval '1 second'")
    done = sorted(story.id for story in stories[:100])
    columns = {
        "ids": done,
        "attempts": [1] * 100,
        "due": [None] * 100,
        "unknown": [False] * 100,
        "called": [True] * 100,
    }
    async with desk.database.transaction() as connection:
        for setting in PLANS_KEPT.items():
            await connection.execute(text(f"set local {' = '.join(setting)}"))
        explained = text(f"explain (analyze, format json) {repository._SETTLE.text}")
        (plan,) = await connection.scalar(explained, columns | {"at": clock.now()})
    scans = [node for node in nodes(plan["Plan"]) if node.get("Relation Name") == "dispatch_queue"]
    assert sum(node["Actual Loops"] * node["Actual Rows"] for node in scans if "Scan" in node["Node Type"]) == 200
    assert not any(node.get("Rows Removed by Join Filter") for node in nodes(plan["Plan"]))
    assert len(await desk.rows("select from dispatch_queue")) == 400
