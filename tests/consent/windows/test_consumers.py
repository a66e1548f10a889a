"""People's messages open windows by Meta's time; STOP and START travel with them."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.kernel.contracts import event_id
from services.kernel.contracts.conversations import ConsentGiven, ConsentWithdrawn, InboundJudged
from services.kernel.contracts.inbound import InboundReceived
from tests.consent.stand import HOUR, NOON, Consent, inbound, person_id

TENANT = UUID("01930000-0000-7000-8000-000000000001")
PERSON = person_id()
DAY = timedelta(hours=24)


def judged(facts: list[Any]) -> list[InboundJudged]:
    return [fact for fact in facts if isinstance(fact, InboundJudged)]


def changes(facts: list[Any]) -> list[tuple[str, str]]:
    return [(fact.TYPE, fact.purpose) for fact in facts if isinstance(fact, ConsentGiven | ConsentWithdrawn)]


async def test_a_message_opens_the_window_for_a_day_from_metas_time(consent: Consent) -> None:
    message = inbound(TENANT, PERSON, NOON)
    (fact,) = judged(await consent.hears(message))
    assert fact.window_expires_at == NOON + DAY
    assert (fact.id, fact.inbound_id) == (event_id(message.inbound_id, "judged"), message.inbound_id)
    assert (fact.tenant_id, fact.person, fact.phone_number_id) == (TENANT, PERSON, message.phone_number_id)


async def test_late_and_repeated_messages_never_shorten_a_window(consent: Consent) -> None:
    newer, older = inbound(TENANT, PERSON, NOON), inbound(TENANT, PERSON, NOON - 3 * HOUR)
    await consent.hears(newer)
    for batch in ([older], [newer], [older, newer], [newer, older, older]):
        facts = judged(await consent.hears(*batch))
        assert [fact.window_expires_at for fact in facts] == [NOON + DAY] * len(batch)


async def test_a_redelivered_message_gets_the_same_answer(consent: Consent) -> None:
    message = inbound(TENANT, PERSON, NOON, "stop")
    first = await consent.hears(message)
    assert await consent.hears(message) == first
    assert len(first) == 4


async def test_every_record_of_a_batch_is_answered(consent: Consent) -> None:
    batch = [inbound(TENANT, person_id(str(number % 7)), NOON + number * HOUR) for number in range(20)]
    facts = judged(await consent.hears(*batch, *batch))
    assert [fact.inbound_id for fact in facts] == [one.inbound_id for one in batch * 2]


async def test_each_number_of_a_tenant_has_its_own_window(consent: Consent) -> None:
    facts = await consent.hears(
        inbound(TENANT, PERSON, NOON, number="1"), inbound(TENANT, PERSON, NOON + HOUR, number="2")
    )
    assert [fact.window_expires_at for fact in judged(facts)] == [NOON + DAY, NOON + HOUR + DAY]


async def test_stop_withdraws_every_purpose(consent: Consent) -> None:
    facts = await consent.hears(inbound(TENANT, PERSON, NOON, "stop"))
    assert sorted(changes(facts)) == [
        ("consent.withdrawn.v1", "authentication"),
        ("consent.withdrawn.v1", "marketing"),
        ("consent.withdrawn.v1", "service"),
    ]
    assert {fact.source for fact in facts if isinstance(fact, ConsentWithdrawn)} == {"keyword_stop"}


async def test_a_second_stop_changes_nothing_more(consent: Consent) -> None:
    await consent.hears(inbound(TENANT, PERSON, NOON, "stop"))
    assert changes(await consent.hears(inbound(TENANT, PERSON, NOON + HOUR, "stop"))) == []


async def test_start_without_a_consent_gives_nothing(consent: Consent) -> None:
    assert changes(await consent.hears(inbound(TENANT, PERSON, NOON, "start"))) == []
    await consent.hears(inbound(TENANT, PERSON, NOON + HOUR, "stop"))
    assert changes(await consent.hears(inbound(TENANT, PERSON, NOON + 2 * HOUR, "start"))) == []


async def test_a_complaint_is_not_a_withdrawal(consent: Consent) -> None:
    assert changes(await consent.hears(inbound(TENANT, PERSON, NOON, "complaint"))) == []


@pytest.mark.parametrize("kind", ["system", "request_welcome", "reaction", "edit", "revoke"])
async def test_what_is_no_new_message_opens_no_window_and_is_judged_all_the_same(consent: Consent, kind: str) -> None:
    notice = of_kind(inbound(TENANT, PERSON, NOON), kind)
    (fact,) = judged(await consent.hears(notice))
    assert (fact.inbound_id, fact.window_expires_at) == (notice.inbound_id, NOON)
    (opened,) = judged(await consent.hears(inbound(TENANT, PERSON, NOON + HOUR)))
    (later,) = judged(await consent.hears(of_kind(inbound(TENANT, PERSON, NOON + 2 * HOUR), kind)))
    assert later.window_expires_at == opened.window_expires_at == NOON + HOUR + DAY


async def test_who_edits_a_message_into_stop_is_heard(consent: Consent) -> None:
    facts = await consent.hears(of_kind(inbound(TENANT, PERSON, NOON, "stop"), "edit"))
    assert len(changes(facts)) == 3


def of_kind(message: InboundReceived, kind: str) -> InboundReceived:
    return msgspec.structs.replace(message, kind=kind)
