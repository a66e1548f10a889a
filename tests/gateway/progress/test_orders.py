"""Whatever the order and however often facts come: one end, and never a step back."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Row

from services.gateway.dispatch import results
from services.gateway.dispatch.results import Result
from services.gateway.messages.states import State, may_move
from services.kernel.contracts import Event
from tests.fixtures import infrastructure as servers
from tests.fixtures.infrastructure import Infrastructure
from tests.gateway.messages.stand import Desk, Story

# What can be true of one message together; "call" is the result that our own call to Meta brought.
TALES = {
    "delivered": ("accepted", "funded", "call", "sent", "delivered"),
    "read": ("accepted", "funded", "call", "sent", "delivered", "read"),
    "read without delivered": ("accepted", "funded", "call", "read"),
    "silent": ("accepted", "funded", "call"),
    "answer lost": ("accepted", "funded", "sent", "delivered"),
    "failed at Meta": ("accepted", "funded", "call", "sent", "failed"),
    "refused": ("accepted", "refused"),
    "poor": ("accepted", "unfunded"),
    "waiting": ("accepted", "funded"),
}
ENDS = {
    "delivered": State.DELIVERED,
    "read": State.READ,
    "read without delivered": State.READ,
    "silent": State.SENT,
    "answer lost": State.DELIVERED,
    "failed at Meta": State.FAILED,
    "refused": State.FAILED,
    "poor": State.FAILED,
    "waiting": State.FUNDED,
}
STABLE: tuple[str, ...] = (
    "state",
    "price_micros",
    "error_code",
    "error_reason",
    "accepted_at",
    "cleared_at",
    "funded_at",
)
STABLE += ("delivered_at", "read_at", "failed_at", "reported", "wamid_index")


@pytest.fixture(scope="module")
async def desk(infrastructure: Infrastructure, templates: dict[str, str]) -> AsyncIterator[Desk]:
    if "gateway" not in templates:
        templates["gateway"] = await servers.make_template(infrastructure, "gateway")
    async with servers.fresh_database(infrastructure, "gateway", templates["gateway"]) as database:
        desk = Desk(database)
        await desk.add_number()
        yield desk


@st.composite
def tellings(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A tale, and its facts in some order with repeats; our own call follows what it needs."""
    name = draw(st.sampled_from(sorted(TALES)))
    facts = list(draw(st.permutations(TALES[name])))
    facts += draw(st.lists(st.sampled_from(TALES[name]), max_size=4))
    ready = max(facts.index(needed) for needed in ("accepted", "funded") if needed in facts)
    while "call" in facts and facts.index("call") < ready:
        facts.append(facts.pop(facts.index("call")))
        ready -= 1
    return name, facts


async def _tell(desk: Desk, story: Story, fact: str) -> None:
    if fact == "call":
        sent = Result(
            tenant_id=story.tenant_id,
            message_id=story.id,
            phone_number_id=story.phone_number_id,
            person=story.person,
            attempt=1,
            asked_at=story.began + timedelta(seconds=3),
            outcome="sent",
            wamid_index=story.wamid_index,
            wamid=b"sealed",
        )
        await desk.run(
            "update dispatch_queue set attempt = 1, call_before = now() where message_id = :i", i=story.id
        )  # it was started, unless a report had told its fate before
        async with desk.database.transaction() as connection:
            await results.write(connection, [sent])
    elif fact in ("sent", "delivered", "read", "failed"):
        await desk.tell(story.status(fact))  # type: ignore[arg-type]  # just checked
    else:
        await desk.tell(_fact(story, fact))


def _fact(story: Story, name: str) -> Event:
    event: Event = getattr(story, name)()
    return event


def _is_step(before: Row[Any] | None, after: Row[Any]) -> bool:
    if before is None or before.state == after.state:
        return True
    return may_move(State(before.state), State(after.state), reason=before.error_reason)


@given(telling=tellings())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
async def test_any_telling_of_a_tale_ends_in_the_same_row_and_never_steps_back(
    desk: Desk, telling: tuple[str, list[str]]
) -> None:
    name, facts = telling
    told, plain = Story(), Story()
    before: Row[Any] | None = None
    for fact in facts:
        await _tell(desk, told, fact)
        after = await desk.message(told)
        assert after is not None
        assert _is_step(before, after), (fact, before, after)
        before = after
    for fact in TALES[name]:
        await _tell(desk, plain, fact)
    assert await _end(desk, told) == await _end(desk, plain)
    assert before is not None
    assert before.state == ENDS[name]


async def _end(desk: Desk, story: Story) -> Sequence[Any]:
    row, queued = await desk.message(story), await desk.queued(story)
    assert row is not None
    values = [getattr(row, name) for name in STABLE]
    relative = [value - story.began if hasattr(value, "tzinfo") else value for value in values]
    spoken = [value for value in relative if value != story.wamid_index]
    # Meta's times are cut to seconds.
    rounded = [round(value.total_seconds()) if hasattr(value, "total_seconds") else value for value in spoken]
    told = sorted(str(fact.get("status")) for fact in await desk.callbacks(story))
    return [*rounded, queued is None, told]
