"""After a STOP nothing free goes out until the person writes again, however late, often or oddly dated words come."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kernel import clock
from services.kernel.contracts.clearances import MessageCleared
from services.kernel.contracts.inbound import Signal
from tests.consent.stand import NOON, Consent, Tenant, accepted, inbound, person_id

MINUTE = timedelta(minutes=1)
WORDS: list[tuple[Signal, ...]] = [(), ("stop",), ("start",)]
SAID = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5)
MANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def passes(consent: Consent, tenant: Tenant, person: str, minutes: float, **how: Any) -> bool:
    """Whether an answer to the person is let out at that minute."""
    with clock.frozen(NOON + minutes * MINUTE):
        [fact] = await consent.accepts(accepted(tenant.id, person, kind="text", **how))
    return isinstance(fact, MessageCleared)


@MANY
@given(said=SAID, data=st.data())
async def test_answers_pass_unless_a_stop_was_the_last_word(
    consent: Consent, tenant: Tenant, said: list[tuple[Signal, ...]], data: st.DataObject
) -> None:
    """Also the confirmation of a START, which is such an answer; that of a STOP always passes."""
    person = person_id(str(uuid4()))
    messages = [inbound(tenant.id, person, NOON + minute * MINUTE, *words) for minute, words in enumerate(said)]
    for message in data.draw(st.permutations(messages + messages[:2])):
        await consent.hears(message, now=NOON + 30 * MINUTE)
    assert await passes(consent, tenant, person, 60) is (said[-1] != ("stop",))
    assert await passes(consent, tenant, person, 60, origin="confirmation")


@MANY
@given(
    ahead=st.integers(0, 100_000),
    heard=st.lists(st.integers(0, 50), min_size=1, max_size=4),
    other=st.none() | st.sampled_from(WORDS[1:]),
)
async def test_a_stop_dated_ahead_is_no_later_message_when_it_is_heard_again(
    consent: Consent, tenant: Tenant, ahead: int, heard: list[int], other: tuple[Signal, ...] | None
) -> None:
    """It counts a minute after it was first heard, at the latest."""
    person = person_id(str(uuid4()))
    if other is not None:
        await consent.hears(inbound(tenant.id, person, NOON - 60 * MINUTE, *other))
    stop = inbound(tenant.id, person, NOON + ahead * MINUTE, "stop")
    for minute in sorted(heard):
        again = msgspec.structs.replace(stop, id=uuid4())
        await consent.hears(again, now=NOON + minute * MINUTE)
    assert not await passes(consent, tenant, person, 51)
    await consent.hears(inbound(tenant.id, person, NOON + 55 * MINUTE), now=NOON + 55 * MINUTE)
    assert await passes(consent, tenant, person, 56)
