"""Messages are decided about once, in batches, and the facts say in short by what."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, get_args
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text

from services.consent.clearance import service
from services.consent.consents import service as consents
from services.consent.policy.service import Book
from services.kernel import clock
from services.kernel.contracts import event_id
from services.kernel.contracts.clearances import MessageCleared, MessageRefused
from services.kernel.contracts.conversations import Purpose
from services.kernel.contracts.messages import Category, Kind, MessageAccepted
from services.kernel.contracts.outcomes import MessageFailed
from services.kernel.db import Database
from services.kernel.tenants import TenantDirectory
from tests.consent.stand import HOUR, NOON, PHONE, Consent, Tenant, accepted, agreement, inbound, reported

IN_DEFAULT = "select count(*) from decisions where tableoid = cast('decisions_default' as regclass)"

Give = Callable[..., Awaitable[consents.Recorded]]


@pytest.fixture
def give(database: Database, tenant: Tenant) -> Give:
    async def give(purpose: Purpose = "service", phone: str = PHONE) -> consents.Recorded:
        person = consents.person_of(
            tenant_id=tenant.id, phone=phone, index_key=tenant.index_key, data_key=tenant.data_key
        )
        async with database.transaction() as connection:
            return await consents.give(
                connection, person, agreement(purpose, source="checkbox", given_at=NOON - 100 * HOUR)
            )

    return give


def verdict(fact: Any) -> tuple[Any, ...]:
    if isinstance(fact, MessageCleared):
        return ("cleared", fact.basis)
    assert isinstance(fact, MessageRefused)
    return (fact.code, fact.reason)


async def judge(consent: Consent, tenant: Tenant, **message: Any) -> Any:
    with clock.frozen(NOON):
        (fact,) = await consent.accepts(accepted(tenant.id, tenant.person(), **message))
    return fact


@pytest.mark.parametrize(("category", "purpose"), [("utility", "service"), ("authentication", "authentication")])
async def test_a_template_goes_out_on_a_consent_for_its_purpose(
    consent: Consent, tenant: Tenant, give: Give, category: Category, purpose: Purpose
) -> None:
    assert verdict(await judge(consent, tenant, category=category)) == (131050, "no_consent")
    recorded = await give(purpose)
    fact = await judge(consent, tenant, category=category)
    assert verdict(fact) == ("cleared", "consent")
    assert (fact.policy, fact.consent_id) == (f"{category}-allowed@1", recorded.id)


async def test_a_consent_for_another_purpose_does_not_count(consent: Consent, tenant: Tenant, give: Give) -> None:
    await give("authentication")
    assert verdict(await judge(consent, tenant, category="utility")) == (131050, "no_consent")


async def test_what_one_tenant_knows_of_a_person_allows_another_nothing(
    consent: Consent, tenant: Tenant, other_tenant: Tenant, give: Give
) -> None:
    """Their indexes of one person differ; were they the same, the tenant alone would keep them apart."""
    await give("service")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR))
    kinds: tuple[Kind, ...] = ("template", "text")
    with clock.frozen(NOON):
        own = await consent.accepts(*(accepted(tenant.id, tenant.person(), kind=kind) for kind in kinds))
        foreign = await consent.accepts(*(accepted(other_tenant.id, tenant.person(), kind=kind) for kind in kinds))
    assert [*map(verdict, own)] == [("cleared", "consent"), ("cleared", "window")]
    assert [*map(verdict, foreign)] == [(131050, "no_consent"), (131047, "window_closed")]


async def test_advertising_is_refused_by_a_named_rule_in_spite_of_a_consent(
    consent: Consent, tenant: Tenant, give: Give
) -> None:
    await give("marketing")
    for country, rule in (("KZ", "advertising-forbidden@1"), ("RU", "advertising-to-russia@1")):
        fact = await judge(consent, tenant, category="marketing", country=country)
        assert (verdict(fact), fact.policy) == ((130497, "policy"), rule)


async def test_free_text_needs_an_open_window_and_no_consent(consent: Consent, tenant: Tenant) -> None:
    assert verdict(await judge(consent, tenant, kind="text")) == (131047, "window_closed")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 23 * HOUR))
    fact = await judge(consent, tenant, kind="text")
    assert verdict(fact) == ("cleared", "window")
    assert fact.window_expires_at == NOON + HOUR
    assert (fact.consent_id, fact.policy) == (None, "service-allowed@1")


FREE_FORM = [kind for kind in get_args(Kind) if kind != "template"]


@pytest.mark.parametrize("kind", FREE_FORM)
async def test_every_kind_but_a_template_is_an_answer(consent: Consent, tenant: Tenant, give: Give, kind: Kind) -> None:
    await give("service")
    assert verdict(await judge(consent, tenant, kind=kind)) == (131047, "window_closed")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR))
    fact = await judge(consent, tenant, kind=kind)
    assert verdict(fact) == ("cleared", "window")
    assert (fact.kind, fact.category) == (kind, "service")


async def test_the_highest_price_goes_along_and_is_the_same_at_every_delivery(
    consent: Consent, tenant: Tenant, give: Give
) -> None:
    await give("service")
    message = accepted(tenant.id, tenant.person(), max_price_micros=4_500_000)
    for _ in range(2):
        (fact,) = await consent.accepts(message)
        assert fact.max_price_micros == 4_500_000


@pytest.mark.parametrize("kind", ["template", "text"])
async def test_a_tenant_of_a_class_that_may_not_write_to_russia_writes_elsewhere(
    consent: Consent, tenant: Tenant, directory: TenantDirectory, give: Give, kind: Kind
) -> None:
    await give("service")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR))
    directory.apply(msgspec.structs.replace(tenant.changed, version=2, tenant_class="finance"))
    fact = await judge(consent, tenant, kind=kind, country="RU")
    assert (verdict(fact), fact.policy) == ((130497, "policy"), "fz41-finance@1")
    assert verdict(await judge(consent, tenant, kind=kind, country="KZ"))[0] == "cleared"


async def test_a_blocked_country_gets_nothing_not_even_an_answer(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR))
    fact = await judge(consent, tenant, kind="text", country="CU")
    assert (verdict(fact), fact.policy) == ((130497, "policy"), "country-blocked-cu@1")


async def test_an_entry_point_goes_along_while_it_is_open_and_opens_no_window(
    consent: Consent, tenant: Tenant, give: Give, database: Database
) -> None:
    await give("service")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 30 * HOUR))
    for until, goes_along in ((NOON + HOUR, NOON + HOUR), (NOON, None)):
        async with database.transaction() as connection:
            await connection.execute(text("update windows set entry_point_expires_at = :until"), {"until": until})
        fact = await judge(consent, tenant)
        assert (fact.entry_point_expires_at, fact.window_expires_at) == (goes_along, None)
        assert verdict(await judge(consent, tenant, kind="text")) == (131047, "window_closed")


async def test_the_lane_of_the_acceptance_goes_along(consent: Consent, tenant: Tenant) -> None:
    message = msgspec.structs.replace(accepted(tenant.id, tenant.person(), kind="text"), lane="express")
    assert [fact.lane for fact in await consent.accepts(message)] == ["express"]
    await consent.hears(inbound(tenant.id, tenant.person(), NOON))
    with clock.frozen(NOON):
        second = msgspec.structs.replace(accepted(tenant.id, tenant.person(), kind="text"), lane="express")
        assert [fact.lane for fact in await consent.accepts(second)] == ["express"]


async def test_a_window_is_closed_at_the_very_end_of_its_day(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 24 * HOUR))
    assert verdict(await judge(consent, tenant, kind="text")) == (131047, "window_closed")


async def test_a_window_is_no_consent(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON))
    fact = await judge(consent, tenant)
    assert verdict(fact) == (131050, "no_consent")


async def test_the_window_at_another_number_does_not_count(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON, number="other"))
    assert verdict(await judge(consent, tenant, kind="text")) == (131047, "window_closed")


async def test_a_stop_at_one_number_refuses_templates_and_text_at_all_numbers(
    consent: Consent, tenant: Tenant, give: Give
) -> None:
    await give()
    await consent.hears(
        inbound(tenant.id, tenant.person(), NOON - 2 * HOUR, number="other"),
        inbound(tenant.id, tenant.person(), NOON - HOUR, "stop"),
    )
    for number in ("other", "100000000000001"):
        assert verdict(await judge(consent, tenant, number=number)) == (131050, "withdrawn")
        assert verdict(await judge(consent, tenant, kind="text", number=number)) == (131050, "withdrawn")


async def test_who_writes_again_after_a_stop_gets_an_answer_but_no_template(
    consent: Consent, tenant: Tenant, give: Give
) -> None:
    await give()
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 2 * HOUR, "stop"))
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR))
    assert verdict(await judge(consent, tenant, kind="text")) == ("cleared", "window")
    assert verdict(await judge(consent, tenant)) == (131050, "withdrawn")


async def test_after_start_the_earlier_consent_counts_again(consent: Consent, tenant: Tenant, give: Give) -> None:
    recorded = await give()
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 2 * HOUR, "stop"))
    facts = await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR, "start"))
    assert [(fact.TYPE, fact.purpose, fact.consent_id) for fact in facts[:-1]] == [
        ("consent.given.v1", "service", recorded.id)
    ]
    assert verdict(await judge(consent, tenant)) == ("cleared", "consent")


async def test_a_mixed_batch_is_decided_once_and_answered_at_every_delivery(
    consent: Consent, tenant: Tenant, other_tenant: Tenant, give: Give
) -> None:
    await give()
    await consent.hears(inbound(tenant.id, tenant.person(), NOON))
    batch = [
        accepted(tenant.id, tenant.person()),
        accepted(tenant.id, tenant.person(), kind="text"),
        accepted(tenant.id, tenant.person(), category="marketing"),
        accepted(tenant.id, tenant.person("+79160000000")),
        accepted(other_tenant.id, other_tenant.person()),
    ]
    with clock.frozen(NOON):
        first = await consent.accepts(*batch, batch[0])
    with clock.frozen(NOON + HOUR):
        await consent.hears(inbound(tenant.id, tenant.person(), NOON + HOUR, "stop"))
        again = await consent.accepts(*reversed(batch))
    by_id = {fact.id: fact for fact in first}
    assert {fact.id: fact for fact in again} == by_id
    assert {fact.occurred_at for fact in again} == {NOON}
    stages = ["cleared", "cleared", "refused", "refused", "refused"]
    assert set(by_id) == {event_id(one.message_id, stage) for one, stage in zip(batch, stages, strict=True)}


async def test_the_decision_stands_in_the_partition_of_its_day(
    consent: Consent, tenant: Tenant, database: Database
) -> None:
    with clock.frozen(NOON):
        await consent.accepts(*(accepted(tenant.id, tenant.person()) for _ in range(3)))
    async with database.transaction() as connection:
        assert await connection.scalar(text("select count(*) from decisions")) == 3
        assert await connection.scalar(text(IN_DEFAULT)) == 0


async def test_metas_131050_is_a_withdrawal_of_marketing_that_start_does_not_lift(
    consent: Consent, tenant: Tenant, give: Give
) -> None:
    await give("marketing")
    await give("service")
    message = accepted(tenant.id, tenant.person())
    with clock.frozen(NOON):
        await consent.accepts(message)
    report = reported(tenant.id, message.message_id, NOON, code=131050)
    facts = await consent.learns(report)
    assert [(fact.TYPE, fact.purpose, fact.source) for fact in facts] == [
        ("consent.withdrawn.v1", "marketing", "platform_error")
    ]
    assert await consent.learns(report) == facts
    assert await consent.hears(inbound(tenant.id, tenant.person(), NOON + HOUR, "start")) != []
    assert (await give("marketing")).refusal is not None
    assert (await give("service")).refusal is None


def failed(message: MessageAccepted, code: int = 131050) -> MessageFailed:
    return MessageFailed(
        id=event_id(message.message_id, "failed"),
        occurred_at=NOON + HOUR,
        tenant_id=message.tenant_id,
        message_id=message.message_id,
        person=message.person,
        code=code,
        reason="withdrawn",
    )


async def test_a_131050_as_metas_answer_to_the_call_is_the_same_withdrawal(
    consent: Consent, tenant: Tenant, give: Give
) -> None:
    await give("marketing")
    await give("service")
    message, other = accepted(tenant.id, tenant.person()), accepted(tenant.id, tenant.person())
    with clock.frozen(NOON):
        await consent.accepts(message, other)
    assert await consent.fails(failed(other, 131026)) == []
    facts = await consent.fails(failed(message))
    assert [(fact.TYPE, fact.purpose, fact.source) for fact in facts] == [
        ("consent.withdrawn.v1", "marketing", "platform_error")
    ]
    assert await consent.fails(failed(message)) == facts


async def test_our_own_131050_is_no_block_at_meta(consent: Consent, tenant: Tenant, give: Give) -> None:
    refused, stopped = accepted(tenant.id, tenant.person("+79161234500")), accepted(tenant.id, tenant.person())
    await give("service")
    with clock.frozen(NOON):
        await consent.accepts(refused, stopped)
    await consent.hears(inbound(tenant.id, tenant.person(), clock.now(), "stop"))
    async with consent.database.transaction() as connection:
        [answer] = await service.answer(
            connection,
            [(tenant.id, stopped.message_id)],
            book=Book(),
            class_of=lambda _: "standard",
            is_inbound_behind=False,
        )
    assert (answer.answer, answer.code) == ("stop", 131050)
    assert await consent.fails(failed(refused), failed(stopped)) == []


@pytest.mark.parametrize(("status", "code"), [("failed", 131049), ("delivered", None), ("failed", None)])
async def test_other_reports_change_no_consent(
    consent: Consent, tenant: Tenant, give: Give, status: Any, code: int | None
) -> None:
    await give("marketing")
    message = accepted(tenant.id, tenant.person())
    with clock.frozen(NOON):
        await consent.accepts(message)
    assert await consent.learns(reported(tenant.id, message.message_id, NOON, status=status, code=code)) == []


async def test_a_131050_for_an_unknown_or_foreign_message_changes_nothing(
    consent: Consent, tenant: Tenant, other_tenant: Tenant
) -> None:
    message = accepted(tenant.id, tenant.person())
    with clock.frozen(NOON):
        await consent.accepts(message)
    for report in (
        reported(tenant.id, uuid4(), NOON, code=131050),
        reported(tenant.id, None, NOON, code=131050),
        reported(other_tenant.id, message.message_id, NOON + timedelta(seconds=1), code=131050),
    ):
        assert await consent.learns(report) == []


async def test_after_a_stop_only_its_confirmation_passes(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR, "stop"))
    assert verdict(await judge(consent, tenant, kind="text")) == (131050, "withdrawn")
    assert verdict(await judge(consent, tenant, kind="text", origin="confirmation")) == ("cleared", "window")


async def test_a_confirmation_needs_the_window_that_its_stop_opened(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 25 * HOUR, "stop"))
    assert verdict(await judge(consent, tenant, kind="text", origin="confirmation")) == (131047, "window_closed")


async def test_the_confirmation_of_a_start_is_stopped_by_the_next_stop(consent: Consent, tenant: Tenant) -> None:
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 3 * HOUR, "stop"))
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - 2 * HOUR, "start"))
    assert verdict(await judge(consent, tenant, kind="text", origin="tenant")) == ("cleared", "window")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - HOUR, "stop"))
    assert verdict(await judge(consent, tenant, kind="text", origin="tenant")) == (131050, "withdrawn")


async def test_a_stop_dated_ahead_silences_however_often_it_is_heard(consent: Consent, tenant: Tenant) -> None:
    stop = inbound(tenant.id, tenant.person(), NOON + 5 * HOUR, "stop")
    for minutes in (-30, -20, -10):
        await consent.hears(stop, now=NOON + minutes * timedelta(minutes=1))
    assert verdict(await judge(consent, tenant, kind="text")) == (131050, "withdrawn")
    await consent.hears(inbound(tenant.id, tenant.person(), NOON - timedelta(minutes=1)))
    assert verdict(await judge(consent, tenant, kind="text")) == ("cleared", "window")
