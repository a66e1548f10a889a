"""Phone numbers: one spelling and one country for each, exactly as libphonenumber says."""

import random
from contextlib import suppress

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.phones import country_of, normalise_phone

EXAMPLES = sorted(
    {
        phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        for country in phonenumbers.SUPPORTED_REGIONS
        for kind in phonenumbers.PhoneNumberType.values()
        if (example := phonenumbers.example_number_for_type(country, kind)) is not None
    }
)
SPOILED_EACH = 6


def by_the_library(text: str) -> tuple[str, str] | None:
    """The slow and certain way; None for what is no possible number."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    country = phonenumbers.region_code_for_number(number)
    main = phonenumbers.region_code_for_country_code(number.country_code or 0)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), country or main


def by_us(text: str) -> tuple[str, str] | None:
    try:
        return normalise_phone(text), country_of(text)
    except ValueError:
        return None


def spoiled(text: str, noise: random.Random) -> str:
    """A few other digits, now and then one more or one less."""
    digits = list(text)
    for _ in range(noise.randint(0, 4)):
        digits[noise.randrange(1, len(digits))] = str(noise.randrange(10))
    if noise.random() < 0.2:
        digits.insert(noise.randrange(2, len(digits)), str(noise.randrange(10)))
    return "".join(digits[:-1] if noise.random() < 0.2 else digits)


def test_numbers_of_every_country_and_kind_are_what_the_library_says() -> None:
    noise = random.Random(7)
    tried = [text for text in EXAMPLES if not text.startswith("+521")]
    tried += [spoiled(text, noise) for text in tried for _ in range(SPOILED_EACH)]
    assert [text for text in tried if not text.startswith("+521") and by_us(text) != by_the_library(text)] == []


@given(st.text("0123456789", min_size=5, max_size=16).filter(lambda digits: not digits.startswith("521")))
def test_any_digits_are_what_the_library_says(digits: str) -> None:
    assert by_us("+" + digits) == by_the_library("+" + digits)


@pytest.mark.parametrize(
    ("text", "number", "country"),
    [
        ("+7 (916) 123-45-67", "+79161234567", "RU"),
        ("79161234567", "+79161234567", "RU"),
        ("+7 701 123 45 67", "+77011234567", "KZ"),
        ("+1 264 235 1234", "+12642351234", "AI"),
        ("+39 06 1234 5678", "+390612345678", "IT"),
        ("+5215512345678", "+525512345678", "MX"),  # as it was dialled until 2019
        ("+44 (0) 7400 123456", "+447400123456", "GB"),
    ],
)
def test_one_person_has_one_spelling(text: str, number: str, country: str) -> None:
    assert (normalise_phone(text), country_of(text)) == (number, country)


@pytest.mark.parametrize("text", ["", "Иван", "8 916 123-45-67", "+0 916 123 45 67", "+7916123456", "+7" + "9" * 15])
def test_what_is_no_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"give it with its country code, like \+79161234567"):
        normalise_phone(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+79161234567", "+79161234567"),
        ("79161234567", "+79161234567"),
        (" +7 (916) 123-45-67 ", "+79161234567"),
        ("+1 650-555-1234", "+16505551234"),
        ("5215512345678", "+525512345678"),
        ("+525512345678", "+525512345678"),
    ],
)
def test_a_phone_number_has_one_spelling(text: str, expected: str) -> None:
    assert normalise_phone(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "+", "abc", "+7916", "89161234567", "+7916123456789012", "+1800FLOWERS", "+٧٩١٦١٢٣٤٥٦٧", "+7916123456\n7"],
)
def test_what_is_no_phone_number_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="phone number") as refusal:
        normalise_phone(text)
    assert len(text) < 8 or text not in str(refusal.value)


@given(st.text(max_size=40))
def test_any_text_is_a_phone_number_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert normalise_phone(text).startswith("+")
