"""Who comes from an ad and is answered within a day is free for 72 hours, counted from that answer by Meta's time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.kernel.contracts.conversations import InboundJudged
from services.kernel.contracts.inbound import InboundReceived
from services.kernel.contracts.messages import MessageAccepted
from services.kernel.contracts.statuses import StatusReported
from services.kernel.db import Database
from services.kernel.identifiers import uuid7
from tests.consent.stand import HOUR, NOON, Consent, Tenant, accepted, inbound, person_id, reported

DAY, THREE_DAYS = timedelta(hours=24), timedelta(hours=72)
SECOND = timedelta(seconds=1)


def referred(tenant: Tenant, hours: float = 0, person: str | None = None) -> InboundReceived:
    return inbound(tenant.id, person or tenant.person(), NOON + hours * HOUR, "ad_referral")


async def answered(
    consent: Consent, tenant: Tenant, at: datetime, *, person: str | None = None, status: Any = "sent"
) -> StatusReported:
    """A message was accepted, and Meta reports that it was sent at that moment."""
    message = accepted(tenant.id, person or tenant.person(), kind="text")
    await consent.accepts(message)
    report = reported(tenant.id, message.message_id, at, status=status, code=None)
    await consent.learns(report)
    return report


async def entry_point(consent: Consent, tenant: Tenant, person: str | None = None) -> datetime | None:
    async with consent.database.transaction() as connection:
        found: datetime | None = await connection.scalar(
            text("select entry_point_expires_at from windows where tenant_id = :tenant and person = :person"),
            {"tenant": tenant.id, "person": person or tenant.person()},
        )
    return found


async def test_an_answer_within_a_day_opens_it_for_72_hours_from_the_answer(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(referred(tenant))
    assert await entry_point(consent, tenant) is None
    await answered(consent, tenant, NOON + 23 * HOUR)
    assert await entry_point(consent, tenant) == NOON + 23 * HOUR + THREE_DAYS


async def test_an_answer_after_a_day_opens_nothing(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(referred(tenant))
    await answered(consent, tenant, NOON + DAY)
    assert await entry_point(consent, tenant) is None
    await answered(consent, tenant, NOON + DAY - SECOND)
    assert await entry_point(consent, tenant) == NOON + DAY - SECOND + THREE_DAYS


async def test_a_message_sent_before_the_person_came_is_no_answer(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(referred(tenant))
    await answered(consent, tenant, NOON - SECOND)
    assert await entry_point(consent, tenant) is None


async def test_who_came_without_an_ad_has_none(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(referred(tenant, person=person_id("another")))
    await consent.hears(inbound(tenant.id, tenant.person(), NOON))
    await answered(consent, tenant, NOON + HOUR)
    assert await entry_point(consent, tenant) is None


@pytest.mark.parametrize("status", ["failed", "delivered", "read"])
async def test_only_what_meta_sent_is_an_answer(consent: Consent, tenant: Tenant, status: Any) -> None:
    await consent.hears(referred(tenant))
    await answered(consent, tenant, NOON + HOUR, status=status)
    assert await entry_point(consent, tenant) is None


async def test_the_first_answer_counts_whenever_it_is_reported(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(referred(tenant))
    for hours in (5, 9, 2, 3):
        await answered(consent, tenant, NOON + hours * HOUR)
    assert await entry_point(consent, tenant) == NOON + 2 * HOUR + THREE_DAYS


async def test_a_second_ad_opens_it_anew_with_its_own_answer(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(referred(tenant), referred(tenant, 50))
    await answered(consent, tenant, NOON + HOUR)
    await answered(consent, tenant, NOON + 60 * HOUR)
    assert await entry_point(consent, tenant) == NOON + 60 * HOUR + THREE_DAYS


async def test_the_window_and_the_entry_point_are_told_apart(consent: Consent, tenant: Tenant) -> None:
    """Free of charge is not free in form: after a day only templates may go out, at no price."""
    await consent.hears(referred(tenant))
    await answered(consent, tenant, NOON + HOUR)
    (judged,) = await consent.hears(referred(tenant))
    assert isinstance(judged, InboundJudged)
    assert (judged.window_expires_at, judged.entry_point_expires_at) == (NOON + DAY, NOON + HOUR + THREE_DAYS)


async def test_another_tenants_answer_does_not_count(consent: Consent, tenant: Tenant, other_tenant: Tenant) -> None:
    await consent.hears(referred(tenant))
    message = accepted(tenant.id, tenant.person(), kind="text")
    await consent.accepts(message)
    await consent.learns(reported(other_tenant.id, message.message_id, NOON + HOUR, status="sent", code=None))
    assert await entry_point(consent, tenant) is None


async def test_an_ad_under_the_user_id_counts_for_the_number(consent: Consent, tenant: Tenant) -> None:
    user = person_id("user")
    await consent.hears(referred(tenant, person=user))
    await answered(consent, tenant, NOON + HOUR, person=user)
    both = msgspec.structs.replace(inbound(tenant.id, tenant.person(), NOON + 2 * HOUR), bsuid=user)
    await consent.hears(both)
    assert await entry_point(consent, tenant) == NOON + HOUR + THREE_DAYS


async def test_what_opens_no_window_opens_no_entry_point(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(msgspec.structs.replace(referred(tenant), kind="request_welcome"))
    await answered(consent, tenant, NOON + HOUR)
    assert await entry_point(consent, tenant) is None


# --- the clock of Meta ahead of ours ----------------------------------------------------------------------------------

YEARS = timedelta(days=3_650)


async def test_a_time_from_the_far_future_opens_no_longer_window(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON + YEARS), now=NOON)
    async with consent.database.transaction() as connection:
        expires_at = await connection.scalar(text("select expires_at from windows"))
    assert NOON + DAY <= expires_at <= NOON + DAY + timedelta(minutes=1)


async def test_a_start_from_the_far_future_is_not_stronger_than_a_later_stop(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON + YEARS, "start"), now=NOON)
    await consent.hears(inbound(tenant.id, tenant.person(), NOON + HOUR, "stop"))
    async with consent.database.transaction() as connection:
        states = (await connection.scalars(text("select distinct state from consents"))).all()
    assert states == ["withdrawn"]


async def test_a_referral_from_the_far_future_waits_no_longer(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(referred(tenant, YEARS / HOUR), now=NOON)
    await answered(consent, tenant, NOON + 30 * HOUR)
    assert await entry_point(consent, tenant) is None


# --- whatever the order -----------------------------------------------------------------------------------------------

HOURS = st.sampled_from([0, 1, 23, 24, 25, 47, 48, 71, 72, 96])
MESSAGES = st.lists(st.tuples(HOURS, st.booleans()), min_size=1, max_size=6)


async def standing(database: Database, tenant_id: UUID) -> list[tuple[Any, ...]]:
    query = "select last_inbound_at, expires_at, entry_point_expires_at from windows where tenant_id = :id"
    async with database.transaction() as connection:
        return [tuple(row) for row in await connection.execute(text(query), {"id": tenant_id})]


def happened(
    tenant_id: UUID, messages: list[tuple[int, bool]], answers: list[int]
) -> tuple[list[InboundReceived], list[MessageAccepted], list[StatusReported]]:
    person = person_id()
    received = [
        inbound(tenant_id, person, NOON + hours * HOUR, *(("ad_referral",) if is_from_ad else ()))
        for hours, is_from_ad in messages
    ]
    sent = [accepted(tenant_id, person, kind="text", message_id=uuid7()) for _ in answers]
    reports = [
        reported(tenant_id, message.message_id, NOON + hours * HOUR, status="sent", code=None)
        for message, hours in zip(sent, answers, strict=True)
    ]
    return received, sent, reports


def expected(messages: list[tuple[int, bool]], answers: list[int]) -> tuple[datetime, datetime, datetime | None]:
    """Said once more in plain words."""
    last = max(hours for hours, _ in messages)
    opened = []
    for referred_at in (hours for hours, is_from_ad in messages if is_from_ad):
        in_time = [hours for hours in answers if referred_at <= hours < referred_at + 24]
        opened += [min(in_time)] if in_time else []
    entry_point = NOON + (max(opened) + 72) * HOUR if opened else None
    return NOON + last * HOUR, NOON + (last + 24) * HOUR, entry_point


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=MESSAGES, answers=st.lists(HOURS, max_size=4), data=st.data())
async def test_lateness_order_and_repeats_do_not_matter(
    consent: Consent, messages: list[tuple[int, bool]], answers: list[int], data: st.DataObject
) -> None:
    tenant_id = uuid4()
    received, sent, reports = happened(tenant_id, messages, answers)
    if sent:
        await consent.accepts(*sent)
    for batch in _batches(data, received):
        await consent.hears(*batch)
    for reported_batch in _batches(data, reports):
        await consent.learns(*reported_batch)
    await consent.hears(*data.draw(st.permutations(received)))
    assert await standing(consent.database, tenant_id) == [expected(messages, answers)]


def _batches(data: st.DataObject, facts: Sequence[Any]) -> list[list[Any]]:
    """All of them, some twice, shuffled, in two batches."""
    repeats = data.draw(st.lists(st.sampled_from(facts), max_size=2)) if facts else []
    shuffled = data.draw(st.permutations([*facts, *repeats]))
    cut = data.draw(st.integers(0, len(shuffled)))
    return [batch for batch in (shuffled[:cut], shuffled[cut:]) if batch]
