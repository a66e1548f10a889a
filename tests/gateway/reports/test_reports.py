"""Meta's reports: forward only, each told once, and only about the messages of the number's own tenant."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from services.gateway.messages.states import State
from services.gateway.reports import service as reports
from services.kernel.contracts.statuses import Pricing, StatusReported
from services.kernel.db import Database
from tests.gateway.messages.stand import Desk, Story


@pytest.fixture
async def desk(make_database: Callable[[str], Awaitable[Database]]) -> Desk:
    desk = Desk(await make_database("gateway"))
    await desk.add_number()
    return desk


async def state_of(desk: Desk, story: Story) -> State:
    message = await desk.message(story)
    assert message is not None
    return State(message.state)


async def test_each_report_moves_the_message_and_is_told_once(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    for name, state in (("sent", State.SENT), ("delivered", State.DELIVERED), ("read", State.READ)):
        for _ in range(2):
            await desk.tell(story.status(name))  # type: ignore[arg-type]  # literals
        assert await state_of(desk, story) is state
    assert [told["status"] for told in await desk.callbacks(story)] == ["sent", "delivered", "read"]
    assert await desk.queued(story) is None


async def test_a_report_that_was_told_is_not_told_again_however_much_later_it_is_repeated(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    said = [story.status("sent"), story.status("delivered"), story.status("failed", code=131026)]
    await desk.tell(*said)
    await desk.run("delete from callback_queue")  # told: they leave the queue
    await desk.tell(*reversed(said), story.status("delivered", is_named=False))
    assert await desk.callbacks(story) == []
    await desk.tell(*said, story.status("read"))
    assert [told["status"] for told in await desk.callbacks(story)] == ["read"]


async def test_a_report_that_waited_for_its_message_is_not_told_again_when_meta_repeats_it(desk: Desk) -> None:
    story = Story()
    await desk.tell(story.status("delivered", is_named=False))
    await desk.fund(story)
    await desk.tell(story.status("sent"))
    for _ in range(2):
        async with desk.database.transaction() as connection:
            await reports.apply_kept(connection, 100)
        await desk.tell(story.status("delivered", is_named=False))
    assert [told["status"] for told in await desk.callbacks(story)] == ["sent", "delivered"]
    assert set(await desk.outbox(story)) == {"reported"}


async def test_reports_of_one_batch_are_told_in_their_order_and_keep_their_times(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    said = [story.status("sent"), story.status("delivered"), story.status("read")]
    await desk.tell(*said, *said)
    message = await desk.message(story)
    assert message is not None
    times = (message.sent_at, message.delivered_at, message.read_at)
    assert times == tuple(report.occurred_at for report in said)
    assert [told["event_id"] for told in await desk.callbacks(story)] == [report.id for report in said]


async def test_a_late_report_is_stored_and_told_and_does_not_set_the_state_back(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    for name in ("read", "sent", "delivered"):
        await desk.tell(story.status(name))
    message = await desk.message(story)
    assert message is not None
    assert (State(message.state), message.sent_at) == (State.READ, story.status("sent").occurred_at)
    assert len(await desk.callbacks(story)) == 3


async def test_a_failure_that_meta_reports_keeps_its_code_and_its_sealed_words(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    report = story.status("failed", code=131049)
    sealed = StatusReported(
        **{name: getattr(report, name) for name in report.__struct_fields__ if name != "details"}, details=b"sealed"
    )
    await desk.tell(sealed)
    message = await desk.message(story)
    assert message is not None
    assert (State(message.state), message.error_code, message.error_reason) == (State.FAILED, 131049, "meta_refused")
    (told,) = await desk.callbacks(story)
    assert (told["error"]["code"], told["sealed_details"]) == (131049, "c2VhbGVk")


async def test_metas_words_about_the_price_reach_the_tenant(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    report = story.status("sent")
    fields = {name: getattr(report, name) for name in report.__struct_fields__ if name != "pricing"}
    await desk.tell(StatusReported(**fields, pricing=Pricing(billable=True, category="utility", type="regular")))
    (told,) = await desk.callbacks(story)
    assert told["pricing"] == {"billable": True, "category": "utility", "type": "regular"}


async def test_a_report_without_our_id_is_matched_by_metas(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    await desk.tell(story.status("sent"))
    assert await desk.outbox(story) == []
    await desk.tell(story.status("delivered", is_named=False))
    assert await state_of(desk, story) is State.DELIVERED
    assert [told["status"] for told in await desk.callbacks(story)] == ["sent", "delivered"]
    assert await desk.outbox(story) == ["reported"]  # for billing, which does not know Meta's ids


async def test_another_tenants_number_cannot_report_on_a_message(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    await desk.tell(story.status("sent"))
    stranger = Story(id=story.id)
    await desk.tell(stranger.status("read"))
    await desk.tell(stranger.status("delivered", is_named=False))
    assert await state_of(desk, story) is State.SENT
    rows = await desk.rows("select tenant_id from callback_facts where subject_id = :i order by sequence", i=story.id)
    assert [row.tenant_id for row in rows] == [story.tenant_id, stranger.tenant_id, stranger.tenant_id]


async def test_a_report_takes_a_message_out_of_the_queue_that_was_going_to_be_sent_again(desk: Desk) -> None:
    story = Story()
    await desk.fund(story)
    await desk.tell(story.status("sent"))
    assert await desk.queued(story) is None


async def test_reports_of_many_messages_in_one_batch_each_find_their_row(desk: Desk) -> None:
    stories = [Story() for _ in range(50)]
    await desk.fund(*stories)
    await desk.tell(*(story.status(name) for story in stories for name in ("delivered", "sent")))
    states: dict[UUID, State] = {story.id: await state_of(desk, story) for story in stories}
    assert set(states.values()) == {State.DELIVERED}
