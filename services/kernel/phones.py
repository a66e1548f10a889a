"""Phone numbers in one spelling, E.164 with '+', so that one person has one index."""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers

_SHAPE = re.compile(r"\+?[0-9][0-9 ().\-\u00a0]{4,30}", re.ASCII)
_OLD_MEXICAN_MOBILE = re.compile(r"\+521([0-9]{10})")  # dialled with a 1 until 2019; WhatsApp ids still carry it
_SHOWN = "give it with its country code, like +79161234567"
_NO_DIGIT = re.compile(r"[^0-9]")
_NOTHING = r"(?!)"
_COUNTRY_CODE_DIGITS = (1, 2, 3)  # no code is the beginning of another
_NUMBERS_CACHED_MAX = 65_536  # about 20 MB, in memory only
_PLANS_MAX = 1_200  # every text of one to three digits


class _Plan(NamedTuple):
    """What is asked of a number of a country code to take it as it is; `is_own`: it is the main country's."""

    country: str
    lengths: frozenset[int]
    national_prefix: re.Pattern[str] | None
    is_own: re.Pattern[str]


@lru_cache(maxsize=_NUMBERS_CACHED_MAX)
def _parsed(text: str) -> tuple[str, str]:
    if not _SHAPE.fullmatch(text):
        raise ValueError(f"this is not a phone number: {_SHOWN}")
    written = "+" + _NO_DIGIT.sub("", text)
    if old := _OLD_MEXICAN_MOBILE.match(written):
        written = f"+52{old[1]}{written[old.end() :]}"
    return _taken_as_it_is(written) or _parsed_with_care(written)


def _taken_as_it_is(written: str) -> tuple[str, str] | None:
    """The same as the library says, in a tenth of its time, of numbers that leave it nothing to strip or to doubt."""
    for digits in _COUNTRY_CODE_DIGITS:
        plan, national = _plan(written[1 : 1 + digits]), written[1 + digits :]
        if plan is not None:
            break
    else:
        return None
    is_whole = len(national) in plan.lengths and national[0] != "0"
    is_stripped = plan.national_prefix is None or not plan.national_prefix.match(national)
    return (written, plan.country) if is_whole and is_stripped and plan.is_own.match(national) else None


@lru_cache(maxsize=_PLANS_MAX)
def _plan(country_code: str) -> _Plan | None:
    """The library takes the only country of a code, or the first by its leading digits or its types of numbers."""
    countries = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ())
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(countries[0], None) if countries else None
    if metadata is None or metadata.general_desc is None or metadata.mobile is None or country_code[0] == "0":
        return None
    lengths, own, mobile = metadata.general_desc.possible_length, metadata.leading_digits or "", metadata.mobile
    if not own and len(countries) > 1:
        lengths = mobile.possible_length or lengths
        own = rf"(?:{mobile.national_number_pattern or _NOTHING})\Z"
    prefix = metadata.national_prefix_for_parsing
    return _Plan(countries[0], frozenset(lengths), re.compile(prefix) if prefix else None, re.compile(own))


def _parsed_with_care(written: str) -> tuple[str, str]:
    try:
        number = phonenumbers.parse(written, None)
    except phonenumbers.NumberParseException:
        raise ValueError(f"this phone number has no country code that exists: {_SHOWN}") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"this phone number is too short or too long for its country: {_SHOWN}")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164, _country(number)


def _country(number: phonenumbers.PhoneNumber) -> str:
    # A number outside the known plans still has the main country of its code: rates and rules go by the code.
    return phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_country_code(
        number.country_code or 0
    )


def normalise_phone(text: str) -> str:
    """E.164 with '+'. A missing '+' is added, since WhatsApp's own ids (`wa_id`) leave it out; ValueError otherwise."""
    return _parsed(text.strip())[0]


def country_of(text: str) -> str:
    """The ISO 3166 country of a number ("RU"; "001" for codes of no country); ValueError when it is none."""
    return _parsed(text.strip())[1]
