"""Money as text is exact in both directions."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.money import micros_from, text_of


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (1_000_000_000, "1000.00"),
        (0, "0.00"),
        (300_000, "0.30"),
        (305_000, "0.305"),
        (1, "0.000001"),
        (-6_000_000, "-6.00"),
        (-1, "-0.000001"),
    ],
)
def test_an_amount_shows_two_decimals_or_as_many_as_it_needs(micros: int, text: str) -> None:
    assert text_of(micros) == text


@given(st.integers(-(2**63), 2**63 - 1))
def test_text_and_micros_are_the_same_amount(micros: int) -> None:
    assert micros_from(Decimal(text_of(micros))) == micros


@pytest.mark.parametrize("text", ["0.0000001", "NaN", "Infinity"])
def test_what_is_no_whole_number_of_micros_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 6 decimals"):
        micros_from(Decimal(text))
