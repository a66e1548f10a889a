"""A graduated price is a pure function of the card and the position."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.rating.errors import MalformedCard, NoCard
from services.billing.rating.ladder import MILLIONTHS, rate
from services.billing.rating.service import card_in_force, is_free, price_at, read_card, step_at
from services.kernel import clock
from tests.billing.stand import NOON, Billing, micros

LADDER = [[1_000, "6.00"], [10_000, "4.50"], [100_000, "2.50"], [1_000_000, "1.00"], [None, "0.30"]]


def document(tiers: list[Any], **more: Any) -> dict[str, Any]:
    return {"currency": "RUB", "mode": "graduated", "tiers": tiers, "free_in_window": ["service"]} | more


CARD = read_card(2, document(LADDER))


@pytest.mark.parametrize(
    ("position", "price"),
    [
        (1, "6.00"),
        (1_000, "6.00"),
        (1_001, "4.50"),
        (10_000, "4.50"),
        (10_001, "2.50"),
        (100_000, "2.50"),
        (100_001, "1.00"),
        (1_000_000, "1.00"),
        (1_000_001, "0.30"),
        (10**12, "0.30"),
    ],
)
def test_a_step_of_the_ladder_ends_with_its_last_position(position: int, price: str) -> None:
    assert price_at(CARD, position) == micros(price)


STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=4)


@given(STEPS, st.integers(1, 40))
def test_a_months_total_is_the_sum_of_the_prices_of_its_positions(
    steps: list[tuple[int, int, int]], quantity: int
) -> None:
    tiers: list[Any] = []
    top = 0
    for width, unit, flat in steps:
        top += width
        tiers.append([top, f"{unit / 100:.2f}", f"{flat / 100:.2f}"])
    tiers[-1][0] = None
    card = read_card(1, document(tiers))
    lines = rate(card.tiers, quantity * MILLIONTHS, "graduated")
    assert sum(line.amount_micros for line in lines) == sum(price_at(card, n) for n in range(1, quantity + 1))


def test_on_a_volume_card_a_message_costs_what_the_tier_of_its_own_position_says() -> None:
    """Earlier messages are not priced again, so at the time of sending both modes are one."""
    card = read_card(3, document(LADDER, mode="volume"))
    assert [price_at(card, n) for n in (1_000, 1_001)] == [micros("6.00"), micros("4.50")]


@pytest.mark.parametrize(
    ("position", "step"),
    [
        (1, (1, "6.00", 1_001, "4.50")),
        (1_000, (1, "6.00", 1_001, "4.50")),
        (1_001, (2, "4.50", 10_001, "2.50")),
        (1_000_000, (4, "1.00", 1_000_001, "0.30")),
        (1_000_001, (5, "0.30", None, None)),
    ],
)
def test_a_step_says_what_it_costs_and_what_comes_next(position: int, step: tuple[Any, ...]) -> None:
    number, unit, following, next_unit = step
    found = step_at(CARD, position)
    assert (found.number, found.tier.unit_micros, found.next_position) == (number, micros(unit), following)
    assert found.next_unit_micros == (None if next_unit is None else micros(next_unit))


def test_a_stored_card_that_cannot_price_every_message_is_refused() -> None:
    """test_command has every way in which a card can be malformed."""
    with pytest.raises(MalformedCard, match="tiers, row 2: the last tier") as refusal:
        read_card(1, document([[10, "1"], [20, "1"]]))
    assert (refusal.value.field, refusal.value.row) == ("tiers", 2)


def test_what_is_free_in_the_window_is_data_of_the_card() -> None:
    assert is_free(CARD, category="service", is_in_window=True)
    assert not is_free(CARD, category="utility", is_in_window=True)
    assert not is_free(CARD, category="service", is_in_window=False)


def test_what_is_free_in_an_entry_point_is_data_of_the_card() -> None:
    card = read_card(3, document(LADDER, free_in_entry_point=["utility"]))
    assert is_free(card, category="utility", is_in_window=False, is_in_entry_point=True)
    assert not is_free(card, category="utility", is_in_window=True)
    assert not is_free(CARD, category="utility", is_in_window=True, is_in_entry_point=True)


async def test_the_seeded_card_is_the_ladder_of_the_house(billing: Billing) -> None:
    first, newest = await billing.rows("select version, cast(card as text) as card from rate_cards order by version")
    assert read_card(newest.version, json.loads(newest.card)) == CARD
    assert read_card(first.version, json.loads(first.card)).tiers == CARD.tiers


ADD_CARD = "insert into rate_cards (version, card, effective_from) values ($1, $2, $3)"


async def version_at(billing: Billing, at: datetime) -> int:
    async with billing.database.transaction() as connection:
        return (await card_in_force(connection, at)).version


async def test_the_card_in_force_is_the_newest_whose_time_has_come(billing: Billing, owner: Any) -> None:
    await owner.execute(ADD_CARD, 3, json.dumps(document(LADDER)), NOON + timedelta(minutes=1))
    await owner.execute(ADD_CARD, 4, json.dumps(document(LADDER)), NOON + timedelta(minutes=2))
    moments = (0, 59, 60, 119, 120, 9_999)
    assert [await version_at(billing, NOON + timedelta(seconds=n)) for n in moments] == [2, 2, 3, 3, 4, 4]
    assert await version_at(billing, datetime(2025, 1, 15, tzinfo=UTC)) == 1


async def test_before_the_first_card_there_is_no_price(billing: Billing) -> None:
    with pytest.raises(NoCard, match="2024-12-31"):
        await version_at(billing, datetime(2024, 12, 31, 20, tzinfo=UTC))


async def test_a_card_that_was_added_is_known_everywhere_before_its_notice_is_over(
    billing: Billing, owner: Any
) -> None:
    with clock.frozen(NOON) as now:
        assert await version_at(billing, now.at) == 2
        await owner.execute(ADD_CARD, 3, json.dumps(document(LADDER)), NOON + timedelta(seconds=10))
        for seconds, version in ((4.9, 2), (9.9, 2), (10, 3)):
            now.at = NOON + timedelta(seconds=seconds)
            assert await version_at(billing, now.at) == version


async def test_the_database_is_asked_for_cards_once_in_five_seconds(billing: Billing, owner: Any) -> None:
    """A card that came without any notice, as none can, is not noticed before."""
    with clock.frozen(NOON) as now:
        assert await version_at(billing, now.at) == 2
        await owner.execute(ADD_CARD, 3, json.dumps(document(LADDER)), NOON)
        for seconds, version in ((0, 2), (4.9, 2), (5, 3)):
            now.at = NOON + timedelta(seconds=seconds)
            assert await version_at(billing, now.at) == version
