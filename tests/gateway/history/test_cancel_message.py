"""A message can be taken back until its call begins, and then nothing of it goes out and its money comes back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from services.gateway.history import service
from services.gateway.history.errors import TooLate
from services.gateway.messages.errors import MessageNotFound
from services.gateway.messages.service import acceptances
from services.gateway.messages.states import State
from services.gateway.sweeping.service import Sweeper
from services.kernel.contracts import event_id
from services.kernel.contracts.outcomes import MessageFailed
from services.kernel.db import Database
from services.kernel.kafka.publisher import Publisher
from tests.gateway.dispatch.stand import Worker, result
from tests.gateway.history.stand import read, told
from tests.gateway.messages.stand import Desk, Story, new_id, new_person
from tests.gateway.stand import Gateway, Tenant


@pytest.fixture
async def bench(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    """A database in which nobody else claims."""
    desk = Desk(await make_database("gateway"))
    await desk.add_number()
    return desk


async def cancel(desk: Desk, story: Story) -> Any:
    async with desk.database.transaction() as connection:
        return await service.cancel(connection, tenant_id=story.tenant_id, message_id=story.id)


async def refused(desk: Desk, story: Story) -> str:
    with pytest.raises(TooLate) as error:
        await cancel(desk, story)
    return error.value.message


async def end_of(desk: Desk, story: Story) -> tuple[State, str | None]:
    row = await desk.message(story)
    assert row is not None
    return State(row.state), row.error_reason


async def is_cancelled(desk: Desk, story: Story) -> bool:
    """Failed, out of the queue, told once to the tenant and once to the other services."""
    told_to_tenant = [fact["status"] for fact in await desk.callbacks(story)]
    said = (await desk.outbox(story)).count("failed")
    gone = await desk.queued(story) is None
    return (await end_of(desk, story), gone, told_to_tenant, said) == ((State.FAILED, "cancelled"), True, ["failed"], 1)


@pytest.mark.parametrize("facts", [[], ["funded"]])
async def test_a_message_whose_call_has_not_begun_is_cancelled(bench: Desk, facts: list[str]) -> None:
    story = await told(bench, _nobody(), "accepted", *facts)
    row = await cancel(bench, story)
    assert (row.error_code, row.error_reason) == (135000, "cancelled")
    assert await is_cancelled(bench, story)
    (fact,) = await bench.callbacks(story)
    assert fact["event_id"] == event_id(story.id, "failed")
    assert fact["error"]["code"] == 135000


async def test_cancelling_again_changes_nothing_and_says_the_same(bench: Desk) -> None:
    story = await told(bench, _nobody(), "accepted")
    first, second = await cancel(bench, story), await cancel(bench, story)
    assert tuple(first) == tuple(second)
    assert await is_cancelled(bench, story)


async def test_twenty_who_cancel_at_once_cancel_once(bench: Desk) -> None:
    story = Story()
    await bench.fund(story)
    await asyncio.gather(*(cancel(bench, story) for _ in range(20)))
    assert await is_cancelled(bench, story)


async def test_what_is_claimed_and_then_cancelled_is_not_started(bench: Desk) -> None:
    story, worker = Story(), Worker(bench)
    await bench.fund(story)
    assert await worker.claim() == [story.id]
    await cancel(bench, story)
    assert await worker.start(story) == {}
    assert await is_cancelled(bench, story)


async def test_what_was_started_cannot_be_cancelled(bench: Desk) -> None:
    story, worker = Story(), Worker(bench)
    await bench.fund(story)
    attempt = await worker.begin(story)
    assert "is sending and can no longer be cancelled" in await refused(bench, story)
    await worker.report(result(story, "sent", attempt))
    assert "is sent and can no longer be cancelled: it is with Meta" in await refused(bench, story)
    assert [fact["status"] for fact in await bench.callbacks(story)] == []


async def test_an_ambiguous_send_cannot_be_cancelled(bench: Desk) -> None:
    story, worker = Story(), Worker(bench)
    await bench.fund(story)
    await worker.report(result(story, "unknown", await worker.begin(story)))
    assert "is unknown and can no longer be cancelled" in await refused(bench, story)


async def test_what_meta_certainly_did_not_send_waits_for_its_next_try_and_can_be_cancelled(bench: Desk) -> None:
    story, worker = Story(), Worker(bench)
    await bench.fund(story)
    await worker.report(result(story, "requeue", await worker.begin(story), delay_seconds=60.0))
    await cancel(bench, story)
    assert await is_cancelled(bench, story)


@pytest.mark.parametrize("round_", range(10))
async def test_start_and_cancel_at_the_same_moment_never_both_win(bench: Desk, round_: int) -> None:
    stories, worker = [Story() for _ in range(8)], Worker(bench)
    await bench.fund(*stories)
    assert len(await worker.claim()) == 8
    in_order = sorted(stories, key=lambda story: story.id)
    started, *outcomes = await asyncio.gather(
        worker.start(*in_order), *(cancel(bench, story) for story in stories), return_exceptions=True
    )
    assert isinstance(started, dict)
    for story, outcome in zip(stories, outcomes, strict=True):
        if story.id in started:
            assert isinstance(outcome, TooLate)
        else:
            assert not isinstance(outcome, BaseException)
            assert await is_cancelled(bench, story)


async def test_a_cancelled_lease_does_not_hold_up_the_persons_next_message(bench: Desk) -> None:
    person, worker = new_person(), Worker(bench)
    first, second = Story(person=person), Story(person=person)
    await bench.fund(first)
    await bench.fund(second)
    assert await worker.claim() == [first.id]
    assert await worker.claim() == [], "one message at a time to one person"
    await cancel(bench, first)
    assert not (await bench.pair(second)).is_busy
    assert await worker.claim() == [second.id]


async def test_a_lease_that_has_run_out_frees_nobody_elses_pair(bench: Desk) -> None:
    person, worker = new_person(), Worker(bench)
    first, second = Story(person=person), Story(person=person)
    await bench.fund(first, second)
    assert await worker.claim(lease_seconds=-3) == [first.id]
    await bench.run(
        "update dispatch_queue set due_at = now() + interval '1 hour', was_called = true where message_id = :i",
        i=first.id,
    )
    assert await worker.claim() == [second.id]
    await cancel(bench, first)
    assert (await bench.pair(second)).is_busy


@pytest.mark.parametrize("facts", [["funded"], ["accepted", "funded"]])
async def test_what_comes_after_the_cancellation_does_not_bring_it_back(bench: Desk, facts: list[str]) -> None:
    story = await told(bench, _nobody(), "accepted")
    await cancel(bench, story)
    for name in facts:
        await bench.tell(getattr(story, name)())
    assert await is_cancelled(bench, story)
    assert await Worker(bench).claim() == []


async def test_money_that_is_held_after_the_cancellation_is_given_back_by_saying_the_end_again(bench: Desk) -> None:
    story = await told(bench, _nobody(), "accepted")
    await cancel(bench, story)
    (said,) = await bench.tell(story.funded())
    assert isinstance(said, MessageFailed)
    assert (said.id, said.reason, said.code) == (event_id(story.id, "failed"), "cancelled", 135000)


async def test_the_sweeper_leaves_a_cancelled_message_alone(bench: Desk, publisher: Publisher) -> None:
    story = await told(bench, _nobody(), "accepted")
    await cancel(bench, story)
    sweeper = Sweeper(
        database=bench.database,
        publisher=publisher,
        unknown_grace_seconds=0,
        unknown_max_seconds=0,
        written=lambda: None,
        republish_first_seconds=0,
    )
    await sweeper.sweep()
    assert await is_cancelled(bench, story)


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (["funded", "sent"], "sent"),
        (["funded", "delivered"], "delivered"),
        (["funded", "read"], "read"),
        (["refused"], "failed"),
    ],
)
async def test_what_has_ended_otherwise_is_refused_with_its_state(bench: Desk, facts: list[str], state: str) -> None:
    story = await told(bench, _nobody(), "accepted", *facts)
    assert f"the message is {state} and can no longer be cancelled" in await refused(bench, story)


async def test_another_tenants_message_is_not_found(bench: Desk) -> None:
    story = await told(bench, _nobody(), "accepted")
    async with bench.database.transaction() as connection:
        with pytest.raises(MessageNotFound):
            await service.cancel(connection, tenant_id=uuid4(), message_id=story.id)
    assert await end_of(bench, story) == (State.ACCEPTED, None)


async def test_the_route_answers_with_the_message_as_it_is_now(gateway: Gateway, desk: Desk, tenant: Tenant) -> None:
    story = await told(desk, tenant, "accepted")
    for _ in range(2):
        answer = await gateway.ask("POST", f"/v1/messages/{story.id}:cancel", key=tenant.api_key)
        assert answer.status == 200, answer.body
        shown = answer.json()
        assert (shown["id"], shown["state"], shown["error"]["reason"]) == (str(story.id), "failed", "cancelled")
    single = await read(gateway, tenant, story.id)
    assert shown == {name: value for name, value in single.items() if name != "trace"}


async def test_the_route_says_that_it_is_too_late(gateway: Gateway, desk: Desk, tenant: Tenant) -> None:
    story = await told(desk, tenant, "accepted", "funded", "sent")
    answer = await gateway.ask("POST", f"/v1/messages/{story.id}:cancel", key=tenant.api_key)
    assert (answer.status, answer.json()["title"]) == (409, "too_late")
    assert "the message is sent" in answer.json()["detail"]


async def test_the_route_waits_a_moment_for_a_message_that_was_just_accepted(
    gateway: Gateway, desk: Desk, tenant: Tenant
) -> None:
    story = Story(tenant_id=tenant.id, phone_number_id=tenant.phone_number_id)
    asking = asyncio.create_task(gateway.ask("POST", f"/v1/messages/{story.id}:cancel", key=tenant.api_key))
    await asyncio.sleep(0.2)
    await desk.tell(story.accepted())
    assert (await asking).json()["state"] == "failed"


async def test_the_route_answers_alike_for_what_does_not_exist_and_what_is_anothers(
    gateway: Gateway, desk: Desk, tenant: Tenant, other_tenant: Tenant
) -> None:
    foreign = await told(desk, other_tenant, "accepted")
    asked = [foreign.id, new_id(), uuid4(), "0", "wamid.x"]
    answers = await asyncio.gather(
        *(gateway.ask("POST", f"/v1/messages/{id_}:cancel", key=tenant.api_key) for id_ in asked)
    )
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}
    assert (await read(gateway, other_tenant, foreign.id))["state"] == "accepted"


async def test_the_acceptance_that_a_repeated_request_publishes_again_does_not_revive_it(
    gateway: Gateway, desk: Desk, tenant: Tenant
) -> None:
    story = await told(desk, tenant, "accepted")
    assert (await gateway.ask("POST", f"/v1/messages/{story.id}:cancel", key=tenant.api_key)).status == 200
    async with desk.database.transaction() as connection:
        (again,) = await acceptances(connection, [tenant.id], [story.id])
    await desk.tell(again)
    assert await is_cancelled(desk, story)


def _nobody() -> Tenant:
    """A tenant that nobody asks as."""
    return Tenant(uuid4(), "", "", "106540352242922", "+74950000000")
