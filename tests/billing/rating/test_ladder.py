"""What a quantity costs on a ladder: the numbers of other billing systems, our own ladder, and laws of any ladder."""

import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.rating import documents
from services.billing.rating.ladder import MILLIONTHS, Mode, Tier, rate
from tests.billing.stand import micros

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "tier_cases.json").read_text())
CASES = [
    (case["mode"], case["table"], quantity, amount)
    for case in VECTORS["cases"]
    for quantity, amount in case["qty_to_amount"]
]
MODES: tuple[Mode, ...] = ("graduated", "volume")

# In kopecks, with what the ladder of roubles makes of them (billing-consent-keys 1.6).
KOPECKS: list[Any] = [[1_000, "600", "0"], [10_000, "450", "0"], [100_000, "250", "0"], [1_000_000, "100", "0"]]
KOPECKS.append([None, "30", "0"])
LADDER = [
    (1_000, 600_000, 600_000),
    (1_001, 450_450, 600_450),
    (10_000, 4_500_000, 4_650_000),
    (10_001, 2_500_250, 4_650_250),
    (100_000, 25_000_000, 27_150_000),
    (100_001, 10_000_100, 27_150_100),
    (1_000_000, 100_000_000, 117_150_000),
    (1_000_001, 30_000_030, 117_150_030),
]


def total(tiers: tuple[Tier, ...], quantity: int, mode: Mode) -> int:
    """Micro-units for a quantity in millionths."""
    return sum(line.amount_micros for line in rate(tiers, quantity, mode))


def test_every_case_is_here() -> None:
    assert len(CASES) == 43


@pytest.mark.parametrize(("mode", "table", "quantity", "amount"), CASES)
def test_the_ladder_charges_what_other_systems_charge(mode: Mode, table: str, quantity: str, amount: str) -> None:
    tiers = documents.read_tiers(VECTORS["tables"][table]["tiers"])
    assert total(tiers, micros(quantity), mode) == micros(amount)


@pytest.mark.parametrize(("quantity", "volume", "graduated"), LADDER)
def test_the_ladder_of_the_house_in_kopecks(quantity: int, volume: int, graduated: int) -> None:
    tiers = documents.read_tiers(KOPECKS)
    assert total(tiers, quantity * MILLIONTHS, "volume") == volume * MILLIONTHS
    assert total(tiers, quantity * MILLIONTHS, "graduated") == graduated * MILLIONTHS


@pytest.mark.parametrize(
    ("unit", "quantity", "amount"),
    [
        ("5.12345", "10", "51.2345"),
        ("0.000001", "0.5", "0.000001"),
        ("0.000001", "0.499999", "0"),
        ("0.000001", "2.5", "0.000003"),
        ("0.000001", "1.5", "0.000002"),
        ("0.333333", "0.333333", "0.111111"),
        ("999999999999.999999", "999999999999999.999999", "999999999999999998999000000"),
    ],
)
def test_a_line_is_rounded_half_up_to_a_millionth(unit: str, quantity: str, amount: str) -> None:
    tiers = documents.read_tiers([[None, unit, "0"]])
    assert total(tiers, micros_of_any(quantity), "graduated") == micros_of_any(amount)


def micros_of_any(amount: str) -> int:
    whole, _, fraction = amount.partition(".")
    return int(whole + fraction.ljust(6, "0"))


STEPS = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10**9), st.integers(0, 10**9)), min_size=1, max_size=6)
QUANTITIES = st.integers(0, 400 * MILLIONTHS)
COUNTS = st.integers(0, 400)


@st.composite
def ladders(draw: st.DrawFn, *, falling: bool = False, flats: bool = True) -> tuple[Tier, ...]:
    """Any ladder, or one whose prices fall."""
    steps = draw(STEPS)
    units = sorted((unit for _, unit, _ in steps), reverse=True) if falling else [unit for _, unit, _ in steps]
    tiers, top = [], 0
    for (width, _, flat), unit in zip(steps, units, strict=True):
        top += width
        tiers.append(Tier(top, unit, flat if flats else 0))
    return (*tiers[:-1], tiers[-1]._replace(up_to=None))


@given(ladders(), QUANTITIES, QUANTITIES)
def test_a_graduated_total_never_falls(tiers: tuple[Tier, ...], one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert total(tiers, low, "graduated") <= total(tiers, high, "graduated")


@given(ladders(falling=True, flats=False), COUNTS, COUNTS)
def test_falling_prices_make_each_further_message_no_dearer(tiers: tuple[Tier, ...], one: int, other: int) -> None:
    def next_costs(count: int) -> int:
        return total(tiers, (count + 1) * MILLIONTHS, "graduated") - total(tiers, count * MILLIONTHS, "graduated")

    low, high = sorted((one, other))
    assert next_costs(low) >= next_costs(high)


@given(ladders(falling=True, flats=False), COUNTS)
def test_falling_prices_make_volume_no_dearer_than_graduated(tiers: tuple[Tier, ...], count: int) -> None:
    assert total(tiers, count * MILLIONTHS, "volume") <= total(tiers, count * MILLIONTHS, "graduated")


@given(ladders(flats=False), COUNTS, COUNTS)
def test_a_quantity_in_two_parts_costs_what_it_costs_at_once(tiers: tuple[Tier, ...], one: int, other: int) -> None:
    """graduated(a + b) = graduated(a) + what b costs on top of a, priced line by line above a."""
    above = [
        max(0, min(line.up_to, (one + other) * MILLIONTHS) - max(line.above, one * MILLIONTHS)) * line.tier.unit_micros
        for line in rate(tiers, (one + other) * MILLIONTHS, "graduated")
    ]
    both = total(tiers, (one + other) * MILLIONTHS, "graduated")
    assert both == total(tiers, one * MILLIONTHS, "graduated") + sum(above) // MILLIONTHS


@given(ladders(), QUANTITIES, st.sampled_from(MODES))
def test_the_lines_cover_the_quantity_without_a_gap(tiers: tuple[Tier, ...], quantity: int, mode: Mode) -> None:
    lines = rate(tiers, quantity, mode)
    assert [line.above for line in lines] == [0, *(line.up_to for line in lines[:-1])]
    assert lines[-1].up_to == quantity
    assert sum(line.quantity for line in lines) == quantity


@given(ladders(), QUANTITIES, st.sampled_from(MODES))
def test_the_amounts_are_those_of_decimal_arithmetic(tiers: tuple[Tier, ...], quantity: int, mode: Mode) -> None:
    """The same said another way: decimals, rounded half up, one tier after another."""
    parts: list[tuple[Tier, Decimal]] = []
    rest, below, wanted = quantity, 0, Decimal(quantity) / MILLIONTHS
    for tier in tiers:
        width = rest if tier.up_to is None else min(rest, (tier.up_to - below) * MILLIONTHS)
        if width or not parts:
            parts.append((tier, Decimal(width) / MILLIONTHS))
        rest, below = rest - width, tier.up_to or below
    if mode == "volume":
        parts = [(next(tier for tier in tiers if tier.up_to is None or wanted <= tier.up_to), wanted)]
    amounts = [(part * tier.unit_micros).quantize(Decimal(1), ROUND_HALF_UP) + tier.flat_micros for tier, part in parts]
    assert total(tiers, quantity, mode) == sum(amounts)
