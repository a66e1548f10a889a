"""Whatever the order, the repetitions and the losses: the books close and replaying everything changes nothing."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.kernel.contracts import Event
from services.kernel.identifiers import uuid7
from tests.billing.stand import Billing, cleared, expired, failed, matched, reply, reported

Step = Callable[[UUID, UUID], Event]

STEPS: dict[str, Step] = {
    "cleared": cleared,
    "delivered": lambda t, m: reported(t, m, "delivered"),
    "read": lambda t, m: reported(t, m, "read"),
    "delivered without our id": lambda t, m: reported(t, m, "delivered", is_named=False),
    "delivered by wamid": lambda t, m: matched(t, m, "delivered"),
    "failed by wamid": lambda t, m: matched(t, m, "failed"),
    "failed by Meta": lambda t, m: reported(t, m, "failed"),
    "failed": failed,
    "expired": expired,
}
MESSAGES = 6
# Any steps of any messages, in any order, some twice, some never; the last two messages are free replies.
SCRIPTS = st.lists(st.tuples(st.integers(0, MESSAGES - 1), st.sampled_from(sorted(STEPS))), min_size=1, max_size=40)
CUTS = st.lists(st.integers(1, 8), min_size=1, max_size=40)

SLOW = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def play(script: Sequence[tuple[int, str]], tenant: UUID, messages: Sequence[UUID]) -> list[Event]:
    def event(number: int, step: str) -> Event:
        if step == "cleared" and number >= MESSAGES - 2:
            return reply(tenant, messages[number])
        return STEPS[step](tenant, messages[number])

    return [event(number, step) for number, step in script]


async def feed_in_batches(billing: Billing, events: Sequence[Event], cuts: Sequence[int]) -> list[Any]:
    """Feed batches as a consumer gets them: of a given size at most, and never of two topics."""
    answers: list[Any] = []
    turn = 0
    for _, run in groupby(events, key=lambda event: event.TOPIC.name):
        rest = list(run)
        while rest:
            size = cuts[turn % len(cuts)]
            answers += await billing.feed(*rest[:size])
            rest, turn = rest[size:], turn + 1
    return answers


def by_id(answers: Sequence[Any]) -> dict[UUID, Any]:
    """The answers by id; the same id never says two things."""
    found: dict[UUID, Any] = {}
    for answer in answers:
        assert found.setdefault(answer.id, answer) == answer
    return found


@SLOW
@given(script=SCRIPTS, cuts=CUTS)
async def test_the_books_close_and_a_replay_changes_nothing(
    billing: Billing, script: list[tuple[int, str]], cuts: list[int]
) -> None:
    tenant = await billing.new_tenant("18.00")  # for three of the four paid messages
    messages = [uuid7() for _ in range(MESSAGES)]
    events = play(script, tenant, messages)
    first = by_id(await feed_in_batches(billing, events, cuts))
    await billing.audit()
    before = await billing.snapshot()
    again = by_id(await feed_in_batches(billing, events, [len(events)]))
    assert again == first
    assert await billing.snapshot() == before
    for message in messages:
        steps = await billing.steps(message)
        assert steps in ([], ["reserve"], ["reserve", "capture"], ["reserve", "release"],
                         ["reserve", "release", "late_capture"])  # fmt: skip


@SLOW
@example(script=[(0, "failed"), (0, "cleared"), (0, "delivered by wamid")], cuts=[1])
@given(script=SCRIPTS, cuts=CUTS)
async def test_running_in_parts_equals_running_at_once(
    billing: Billing, script: list[tuple[int, str]], cuts: list[int]
) -> None:
    outcomes = []
    for sizes in (cuts, [len(script)]):
        tenant = await billing.new_tenant("18.00")
        messages = [uuid7() for _ in range(MESSAGES)]
        await feed_in_batches(billing, play(script, tenant, messages), sizes)
        states = [(await billing.state(message), await billing.steps(message)) for message in messages]
        outcomes.append((states, await billing.balance(tenant)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("seed", range(3))
async def test_batches_of_three_topics_side_by_side_end_in_the_same_books(billing: Billing, seed: int) -> None:
    tenants = [await billing.new_tenant("1000.00") for _ in range(3)]
    messages = [(tenants[(number + seed) % 3], uuid7()) for number in range(60)]
    clearances = [cleared(*message) for message in messages]
    ends = [failed(*message) for message in messages[::3]]
    reports = [reported(*message, "delivered", is_named=number % 2 == 0) for number, message in enumerate(messages)]
    streams = (clearances, ends, reports[::-1])
    await asyncio.gather(*(feed_in_batches(billing, stream, [7 + seed]) for stream in streams))
    await billing.audit()
    before = await billing.snapshot()
    await asyncio.gather(*(feed_in_batches(billing, stream, [11]) for stream in streams))
    assert await billing.snapshot() == before
