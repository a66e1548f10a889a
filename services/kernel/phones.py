"""Phone numbers in one spelling, E.164 with '+', so that one person has one index."""

import re
from functools import lru_cache

import phonenumbers

_SHAPE = re.compile(r"\+?[0-9][0-9 ().\-\u00a0]{4,30}", re.ASCII)
_OLD_MEXICAN_MOBILE = re.compile(r"\+521([0-9]{10})")  # dialled with a 1 until 2019; WhatsApp ids still carry it
_SHOWN = "give it with its country code, like +79161234567"
_NUMBERS_CACHED_MAX = 65_536  # about 20 MB, in memory only: parsing takes 100 us


@lru_cache(maxsize=_NUMBERS_CACHED_MAX)
def _parsed(text: str) -> tuple[str, str]:
    if not _SHAPE.fullmatch(text):
        raise ValueError(f"this is not a phone number: {_SHOWN}")
    written = "+" + re.sub(r"[^0-9]", "", text)
    try:
        number = phonenumbers.parse(_OLD_MEXICAN_MOBILE.sub(r"+52\1", written), None)
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
