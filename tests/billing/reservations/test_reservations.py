"""Money is reserved once, earned or given back once, whatever the order and however often a fact comes."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from services.billing.reservations import expiry, service
from services.kernel import clock
from services.kernel.contracts import event_id
from services.kernel.contracts.charges import ChargeCaptured, ChargeReleased
from services.kernel.contracts.messages import Kind
from services.kernel.contracts.reservations import MessageFunded, MessageUnfunded
from services.kernel.identifiers import uuid7
from tests.billing.stand import (
    DAY,
    NOON,
    TESTERS,
    ZONES,
    Billing,
    cleared,
    expired,
    failed,
    matched,
    micros,
    reply,
    reported,
)

SIX = 6_000_000
JUST_BEFORE_FEBRUARY = datetime(2026, 1, 31, 20, 59, 59, tzinfo=UTC)  # 23:59:59 in Moscow


@pytest.fixture
async def tenant(billing: Billing) -> UUID:
    return await billing.new_tenant("1000.00")


@pytest.fixture
def message() -> UUID:
    message_id: UUID = uuid7()
    return message_id


async def test_a_cleared_message_is_funded_at_the_price_of_its_position(
    billing: Billing, tenant: UUID, message: UUID
) -> None:
    (funded,) = await billing.feed(cleared(tenant, message))
    assert isinstance(funded, MessageFunded)
    assert funded.id == event_id(message, "funded")
    assert (funded.price_micros, funded.currency, funded.rate_card_version, funded.is_free) == (SIX, "RUB", 2, False)
    assert await billing.balance(tenant) == (micros("994"), SIX)
    await billing.audit()


@pytest.mark.parametrize("status", ["delivered", "read"])
async def test_the_first_delivered_or_read_captures(billing: Billing, tenant: UUID, message: UUID, status: str) -> None:
    await billing.feed(cleared(tenant, message))
    (captured,) = await billing.feed(reported(tenant, message, status))  # type: ignore[arg-type]  # parametrised
    assert isinstance(captured, ChargeCaptured)
    assert (captured.amount_micros, captured.is_late) == (SIX, False)
    assert await billing.feed(reported(tenant, message, "read" if status == "delivered" else "delivered")) == []
    assert await billing.steps(message) == ["reserve", "capture"]
    assert await billing.balance(tenant) == (micros("994"), 0)
    await billing.audit()


async def test_sent_alone_moves_nothing(billing: Billing, tenant: UUID, message: UUID) -> None:
    await billing.feed(cleared(tenant, message))
    assert await billing.feed(reported(tenant, message, "sent")) == []
    assert await billing.state(message) == "reserved"


@pytest.mark.parametrize(("end", "reason"), [(failed, "failed"), (expired, "expired")])
async def test_an_end_without_delivery_gives_the_money_back(
    billing: Billing, tenant: UUID, message: UUID, end: object, reason: str
) -> None:
    await billing.feed(cleared(tenant, message))
    (released,) = await billing.feed(end(tenant, message))  # type: ignore[operator]  # parametrised
    assert isinstance(released, ChargeReleased)
    assert (released.amount_micros, released.reason) == (SIX, reason)
    assert await billing.balance(tenant) == (micros("1000"), 0)
    await billing.audit()


async def test_a_failed_status_gives_the_money_back_once(billing: Billing, tenant: UUID, message: UUID) -> None:
    await billing.feed(cleared(tenant, message))
    answers = await billing.feed(reported(tenant, message, "failed"), failed(tenant, message), expired(tenant, message))
    assert [type(answer) for answer in answers] == [ChargeReleased]
    assert await billing.steps(message) == ["reserve", "release"]


async def test_a_reply_inside_the_window_is_free_and_still_reported(
    billing: Billing, tenant: UUID, message: UUID
) -> None:
    (funded,) = await billing.feed(reply(tenant, message))
    (captured,) = await billing.feed(reported(tenant, message, "delivered"))
    assert (funded.price_micros, funded.is_free) == (0, True)
    assert (captured.amount_micros, captured.currency) == (0, "RUB")
    assert await billing.steps(message) == []
    assert await billing.balance(tenant) == (micros("1000"), 0)


async def test_a_template_inside_the_window_is_priced_by_the_card(
    billing: Billing, tenant: UUID, message: UUID
) -> None:
    (funded,) = await billing.feed(cleared(tenant, message, kind="template", basis="window"))
    assert funded.price_micros == SIX


@pytest.mark.parametrize("kind", ["image", "interactive", "reaction", "contacts"])
async def test_every_kind_of_reply_inside_the_window_is_free(billing: Billing, tenant: UUID, kind: Kind) -> None:
    (funded,) = await billing.feed(reply(tenant, uuid7(), kind=kind))
    assert (funded.price_micros, funded.is_free) == (0, True)


async def test_a_message_dearer_than_its_tenant_wants_is_unfunded_and_takes_no_position(
    billing: Billing, tenant: UUID
) -> None:
    dear, fitting, free = uuid7(), uuid7(), uuid7()
    unfunded, funded, given = await billing.feed(
        cleared(tenant, dear, max_price_micros=SIX - 1),
        cleared(tenant, fitting, max_price_micros=SIX),
        cleared(tenant, free, kind="text", basis="window", max_price_micros=0),
    )
    assert isinstance(unfunded, MessageUnfunded)
    assert (unfunded.code, unfunded.reason) == (131042, "price_above_max")
    assert (funded.price_micros, given.price_micros) == (SIX, 0)
    rows = await billing.rows("select message_id, position from reservations where tenant_id = :t", t=tenant)
    assert {row.message_id: row.position for row in rows} == {dear: None, fitting: 1, free: None}
    assert await billing.feed(cleared(tenant, dear, max_price_micros=SIX - 1)) == [unfunded]
    await billing.audit()


async def test_the_messages_of_a_test_twin_cost_nothing_and_need_no_money(billing: Billing) -> None:
    twin: UUID = uuid7()
    TESTERS.add(twin)
    message: UUID = uuid7()
    (funded,) = await billing.feed(cleared(twin, message))
    assert isinstance(funded, MessageFunded)
    assert (funded.price_micros, funded.is_free) == (0, True)
    (captured,) = await billing.feed(reported(twin, message, "delivered"))
    assert captured.amount_micros == 0
    assert await billing.steps(message) == []
    await billing.audit()


async def test_a_free_message_takes_no_position(billing: Billing, tenant: UUID) -> None:
    free, paid = uuid7(), uuid7()
    await billing.feed(reply(tenant, free), cleared(tenant, paid))
    rows = await billing.rows("select message_id, position from reservations")
    assert {row.message_id: row.position for row in rows} == {free: None, paid: 1}


async def test_a_released_position_is_not_used_again(billing: Billing, tenant: UUID) -> None:
    first, second = uuid7(), uuid7()
    await billing.feed(cleared(tenant, first))
    await billing.feed(failed(tenant, first))
    await billing.feed(cleared(tenant, second))
    rows = await billing.rows("select position from reservations where message_id = :id", id=second)
    assert rows[0].position == 2


async def test_a_tenant_without_money_is_unfunded_and_may_still_reply_for_free(billing: Billing) -> None:
    tenant = uuid4()
    unfunded, funded = await billing.feed(cleared(tenant, uuid7()), reply(tenant, uuid7()))
    assert isinstance(unfunded, MessageUnfunded)
    assert (unfunded.code, unfunded.reason) == (131042, "no_balance")
    assert isinstance(funded, MessageFunded)
    await billing.audit()


async def test_an_unfunded_message_stays_so_when_money_comes(billing: Billing, message: UUID) -> None:
    tenant = uuid4()
    first = await billing.feed(cleared(tenant, message))
    await billing.top_up(tenant, "1000.00")
    assert await billing.feed(cleared(tenant, message)) == first


async def test_a_large_batch_with_money_for_half_funds_exactly_half(billing: Billing) -> None:
    tenant = await billing.new_tenant("1800.00")
    messages = [uuid7() for _ in range(600)]
    answers = await billing.feed(*(cleared(tenant, message) for message in messages))
    assert [type(answer) for answer in answers] == [MessageFunded] * 300 + [MessageUnfunded] * 300
    assert await billing.balance(tenant) == (0, micros("1800"))
    in_ledger = await billing.rows("select message_id from transfers where kind = 'reserve' order by seq")
    by_position = await billing.rows("select message_id from reservations where position > 0 order by position")
    assert in_ledger == by_position
    await billing.audit()


async def test_money_that_comes_back_in_a_batch_pays_for_what_follows_in_it(billing: Billing) -> None:
    tenant = await billing.new_tenant("6.00")
    first, second = uuid7(), uuid7()
    await billing.feed(cleared(tenant, first))
    _, funded = await billing.feed(failed(tenant, first), cleared(tenant, second))
    assert isinstance(funded, MessageFunded)
    await billing.audit()


async def test_the_ladder_goes_down_after_its_thousandth_message(billing: Billing) -> None:
    tenant = await billing.new_tenant("10000.00")
    prices: list[int] = []
    for size in (500, 499, 3):
        prices += [
            answer.price_micros for answer in await billing.feed(*(cleared(tenant, uuid7()) for _ in range(size)))
        ]
    assert prices == [micros("6.00")] * 1_000 + [micros("4.50")] * 2
    await billing.audit()


async def test_the_ladder_begins_anew_with_the_month_in_the_tenants_zone(billing: Billing) -> None:
    moscow, vladivostok = await billing.new_tenant(), await billing.new_tenant()
    ZONES[vladivostok] = "Asia/Vladivostok"
    with clock.frozen(JUST_BEFORE_FEBRUARY) as time:
        for _ in range(2):
            await billing.feed(cleared(moscow, uuid7()), cleared(vladivostok, uuid7()))
            time.advance(1)
    rows = await billing.rows("select tenant_id, cast(month as text), position from reservations order by decided_at")
    taken = {tenant: [tuple(row[1:]) for row in rows if row.tenant_id == tenant] for tenant in (moscow, vladivostok)}
    assert taken[moscow] == [("2026-01-01", 1), ("2026-02-01", 1)]
    assert taken[vladivostok] == [("2026-02-01", 1), ("2026-02-01", 2)]


@pytest.mark.parametrize("end", [failed, expired])
async def test_an_end_before_the_reservation_leaves_no_hold(
    billing: Billing, tenant: UUID, message: UUID, end: object
) -> None:
    assert await billing.feed(end(tenant, message)) == []  # type: ignore[operator]  # parametrised
    (unfunded,) = await billing.feed(cleared(tenant, message))
    assert isinstance(unfunded, MessageUnfunded)
    assert unfunded.reason == "already_closed"
    assert await billing.balance(tenant) == (micros("1000"), 0)


async def test_a_delivery_before_the_reservation_is_captured_with_it(
    billing: Billing, tenant: UUID, message: UUID
) -> None:
    assert await billing.feed(reported(tenant, message, "delivered"), failed(tenant, message)) == []
    funded, captured = await billing.feed(cleared(tenant, message))
    assert isinstance(funded, MessageFunded)
    assert isinstance(captured, ChargeCaptured)
    assert await billing.feed(reported(tenant, message, "delivered"), reported(tenant, message, "read")) == []
    assert await billing.steps(message) == ["reserve", "capture"]
    await billing.audit()


@pytest.mark.parametrize("end", [failed, expired])
async def test_a_delivery_after_the_money_went_back_is_a_late_capture(
    billing: Billing, tenant: UUID, message: UUID, end: object
) -> None:
    await billing.feed(cleared(tenant, message))
    await billing.feed(end(tenant, message))  # type: ignore[operator]  # parametrised
    (captured,) = await billing.feed(reported(tenant, message, "delivered"))
    assert (captured.amount_micros, captured.is_late) == (SIX, True)
    assert await billing.steps(message) == ["reserve", "release", "late_capture"]
    await billing.audit()


@pytest.mark.parametrize("count", [1, 2])
async def test_a_release_and_the_deliveries_after_it_in_one_batch_are_a_late_capture_too(
    billing: Billing, tenant: UUID, message: UUID, count: int
) -> None:
    await billing.feed(cleared(tenant, message))
    deliveries = [reported(tenant, message, "delivered"), reported(tenant, message, "read")]
    released, captured = await billing.feed(failed(tenant, message), *deliveries[:count])
    assert released.amount_micros == SIX
    assert (captured.amount_micros, captured.is_late) == (SIX, True)
    assert await billing.steps(message) == ["reserve", "release", "late_capture"]
    await billing.audit()


async def test_a_late_capture_may_take_the_wallet_below_its_limit_and_then_nothing_is_funded(billing: Billing) -> None:
    tenant = await billing.new_tenant("6.00")
    first, second = uuid7(), uuid7()
    await billing.feed(cleared(tenant, first), failed(tenant, first), cleared(tenant, second))
    await billing.feed(reported(tenant, first, "delivered"))
    assert await billing.balance(tenant) == (-SIX, SIX)
    unfunded, funded = await billing.feed(cleared(tenant, uuid7()), reply(tenant, uuid7()))
    assert isinstance(unfunded, MessageUnfunded)
    assert isinstance(funded, MessageFunded)
    assert len(await billing.feed(reported(tenant, second, "delivered"))) == 1
    await billing.audit()


async def test_a_credit_limit_pays_when_the_wallet_is_empty(billing: Billing, owner: object) -> None:
    tenant = await billing.new_tenant("6.00")
    limit = f"update accounts set credit_limit_micros = {SIX} where tenant_id = '{tenant}' and kind = 'wallet'"
    await owner.execute(limit)  # type: ignore[attr-defined]  # asyncpg ships no types
    answers = await billing.feed(*(cleared(tenant, uuid7()) for _ in range(3)))
    assert [type(answer) for answer in answers] == [MessageFunded, MessageFunded, MessageUnfunded]
    assert await billing.balance(tenant) == (-SIX, 2 * SIX)


async def test_a_report_without_our_id_counts_when_the_gateway_has_found_its_message(
    billing: Billing, tenant: UUID, message: UUID
) -> None:
    await billing.feed(cleared(tenant, message))
    assert await billing.feed(reported(tenant, message, "delivered", is_named=False)) == []
    assert await billing.state(message) == "reserved"
    first = await billing.feed(matched(tenant, message, "delivered"))
    assert [type(answer) for answer in first] == [ChargeCaptured]
    assert await billing.feed(matched(tenant, message, "delivered"), matched(tenant, message, "failed")) == first


async def test_a_report_of_another_tenant_touches_nothing_of_ours(
    billing: Billing, tenant: UUID, message: UUID
) -> None:
    other = await billing.new_tenant()
    await billing.feed(cleared(tenant, message))
    assert await billing.feed(reported(other, message, "delivered"), failed(other, message)) == []
    assert await billing.feed(matched(other, message, "delivered")) == []
    assert await billing.state(message) == "reserved"


async def test_a_redelivered_record_gets_the_very_same_answer(billing: Billing, tenant: UUID, message: UUID) -> None:
    events = (cleared(tenant, message), failed(tenant, message), reported(tenant, message, "read"))
    first = [await billing.feed(event) for event in events]
    assert [await billing.feed(event) for event in events] == first
    assert await billing.feed(*events) == [answer for answers in first for answer in answers]


async def test_a_hold_that_nobody_ended_expires_a_week_after_its_message(
    billing: Billing, tenant: UUID, message: UUID
) -> None:
    with clock.frozen(NOON) as time:
        await billing.feed(cleared(tenant, message, expires_at=NOON + DAY))
        time.advance(timedelta(days=8).total_seconds() - 1)
        assert await expiry.sweep(billing.database) == 0
        time.advance(1)
        assert await expiry.sweep(billing.database) == 1
        assert await expiry.sweep(billing.database) == 0
    assert await billing.steps(message) == ["reserve", "expire"]
    (row,) = await billing.rows("select event_id from outbox where event_type = 'charge.released.v1'")
    assert row.event_id == event_id(message, "released")
    (captured,) = await billing.feed(reported(tenant, message, "delivered"))
    assert captured.is_late
    await billing.audit()


async def test_what_is_said_of_a_funded_message_carries_its_lane_its_clearance_and_its_place(
    billing: Billing, tenant: UUID
) -> None:
    express = msgspec.structs.replace(cleared(tenant, uuid7()), lane="express")
    poor = msgspec.structs.replace(cleared(uuid4(), uuid7()), lane="express")
    free = reply(tenant, uuid7())
    funded, unfunded, given = await billing.feed(express, poor, free)
    assert {(answer.lane, answer.cleared_at) for answer in (funded, unfunded)} == {("express", NOON)}
    assert (given.lane, given.position, given.month) == ("bulk", None, funded.month)
    assert (funded.position, funded.month.day) == (1, 1)


async def test_the_card_gives_categories_away_inside_a_free_entry_point(
    billing: Billing, owner: asyncpg.Connection
) -> None:
    card = {"currency": "RUB", "mode": "graduated", "tiers": [[None, "6.00"]], "free_in_entry_point": ["utility"]}
    await owner.execute(
        "insert into rate_cards (version, card, effective_from) values (3, $1::jsonb, '2025-03-01')", json.dumps(card)
    )
    tenant, now = await billing.new_tenant(), clock.now()
    ends = (now + DAY, now - DAY, None)
    answers = await billing.feed(
        *(msgspec.structs.replace(cleared(tenant, uuid7()), entry_point_expires_at=end) for end in ends)
    )
    assert [answer.is_free for answer in answers] == [True, False, False]
    rows = await billing.rows("select distinct category from reservations")
    assert [row.category for row in rows] == ["utility"]
    await billing.audit()


async def test_a_reaction_costs_nothing_because_meta_reports_no_delivery_of_it(
    billing: Billing, owner: asyncpg.Connection
) -> None:
    card = {"currency": "RUB", "mode": "graduated", "tiers": [[None, "6.00"]], "free_in_window": []}
    insert = "insert into rate_cards (version, card, effective_from) values (3, $1, '2025-03-01')"
    await owner.execute(insert, json.dumps(card))
    tenant = await billing.new_tenant()
    answers = await billing.feed(reply(tenant, uuid7()), reply(tenant, uuid7(), kind="reaction"))
    assert [(answer.price_micros, answer.is_free) for answer in answers] == [(SIX, False), (0, True)]


async def test_arrivals_of_messages_that_nobody_ever_decides_about_are_forgotten_a_batch_at_a_time(
    billing: Billing, tenant: UUID, owner: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "EARLY_BATCH_MAX", 2)
    young = uuid7()
    await billing.feed(*(reported(tenant, id_, "delivered") for id_ in (young, *(uuid7() for _ in range(5)))))
    await owner.execute("update early_reports set noted_at = now() - interval '22 days' where message_id <> $1", young)
    async with billing.database.transaction() as connection:
        assert await service.forget_early(connection) == 2
    await expiry.sweep(billing.database)
    assert [row.message_id for row in await billing.rows("select message_id from early_reports")] == [young]


async def test_a_template_inside_an_open_window_is_free_where_the_card_says_so(
    billing: Billing, owner: asyncpg.Connection
) -> None:
    card = {"currency": "RUB", "mode": "graduated", "tiers": [[None, "6.00"]], "free_in_window": ["service", "utility"]}
    insert = "insert into rate_cards (version, card, effective_from) values (3, $1, '2026-03-01')"
    await owner.execute(insert, json.dumps(card))
    tenant = await billing.new_tenant()
    ends = (None, NOON, NOON + timedelta(seconds=1))
    with clock.frozen(NOON):
        answers = await billing.feed(
            *(msgspec.structs.replace(cleared(tenant, uuid7()), window_expires_at=end) for end in ends)
        )
    assert [answer.is_free for answer in answers] == [False, False, True]
    assert [answer.price_micros for answer in answers] == [6_000_000, 6_000_000, 0]
