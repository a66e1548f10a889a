"""A graduated price is a pure function of the card and the position."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.rating.errors import MalformedCard
from services.billing.rating.service import is_free, price_at, read_card, total_for
from tests.billing.stand import Billing, micros

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


@pytest.mark.parametrize(
    ("quantity", "total"),
    [
        (0, "0"),
        (1_000, "6000.00"),
        (1_001, "6004.50"),
        (10_000, "46500.00"),
        (10_001, "46502.50"),
        (100_000, "271500.00"),
        (100_001, "271501.00"),
        (1_000_000, "1171500.00"),
        (1_000_001, "1171500.30"),
    ],
)
def test_a_months_total_is_what_the_ladder_says(quantity: int, total: str) -> None:
    assert total_for(CARD, quantity) == micros(total)


STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 10**7), st.integers(0, 10**7)), min_size=1, max_size=4)


@given(STEPS, st.integers(0, 40))
def test_a_total_is_the_sum_of_the_prices_of_its_positions(steps: list[tuple[int, int, int]], quantity: int) -> None:
    tiers: list[Any] = []
    top = 0
    for width, unit, flat in steps:
        top += width
        tiers.append([top, f"{unit / 100:.2f}", f"{flat / 100:.2f}"])
    tiers[-1][0] = None
    card = read_card(1, document(tiers))
    assert total_for(card, quantity) == sum(price_at(card, position) for position in range(1, quantity + 1))


@pytest.mark.parametrize(
    ("card", "complaint"),
    [
        (document([]), "tier 0: the last tier"),
        (document([[10, "1"]]), "tier 1: the last tier must be without end"),
        (document([[None, "1"], [None, "1"]]), "tier 1: it must end above 0"),
        (document([[10, "1"], [10, "2"], [None, "3"]]), "tier 2: it must end above 10"),
        (document([[10, "1"], [None, "-2"]]), "tier 2: a price is never negative"),
        (document([[None, "six"]]), "tier 1: 'six'"),
        (document([[None, "0.0000001"]]), "tier 1: '0.0000001'"),
        (document([[None]]), "tier 1: write"),
        (document([["10", "1"], [None, "1"]]), "tier 1: write"),
        (document([[None, 6.0]]), "tier 1: write"),
        (document(LADDER, mode="volume"), "mode"),
    ],
)
def test_a_card_that_cannot_price_every_message_is_refused_by_row(card: dict[str, Any], complaint: str) -> None:
    with pytest.raises(MalformedCard, match=complaint):
        read_card(1, card)


def test_what_is_free_in_the_window_is_data_of_the_card() -> None:
    assert is_free(CARD, category="service", is_in_window=True)
    assert not is_free(CARD, category="utility", is_in_window=True)
    assert not is_free(CARD, category="service", is_in_window=False)


async def test_the_seeded_card_is_the_ladder_of_the_house(billing: Billing) -> None:
    first, newest = await billing.rows("select version, cast(card as text) as card from rate_cards order by version")
    assert read_card(newest.version, json.loads(newest.card)) == CARD
    assert read_card(first.version, json.loads(first.card)).tiers == CARD.tiers
